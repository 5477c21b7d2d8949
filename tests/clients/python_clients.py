"""Chat, stream, tools and structured output by LangChain and Pydantic AI. Prints one JSON line for each task of the client it is given.

A task of GATEWAY_TASKS says which model is asked for which of them; what it leaves out is not tried. A program of its own, as an application would be: these libraries leave their sockets to the process's end.
"""

import asyncio
import contextlib
import json
import os
import sys
from collections.abc import Awaitable, Callable
from typing import Any, TypedDict, cast

from langchain_core.messages import AIMessage
from langchain_core.tools import StructuredTool
from langchain_openai import ChatOpenAI
from pydantic import BaseModel, SecretStr
from pydantic_ai import Agent, NativeOutput, PromptedOutput, Tool, capture_run_messages
from pydantic_ai.exceptions import UnexpectedModelBehavior, UsageLimitExceeded
from pydantic_ai.messages import ToolCallPart
from pydantic_ai.models import Model
from pydantic_ai.models.anthropic import AnthropicModel
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.anthropic import AnthropicProvider
from pydantic_ai.providers.openai import OpenAIProvider
from pydantic_ai.usage import UsageLimits


class Task(TypedDict):
    """The models by what they are asked for, and what the tool is called."""

    models: dict[str, str]
    tool: str


URL, KEY = (os.environ[name] for name in ("GATEWAY_URL", "GATEWAY_KEY"))
TASKS: list[Task] = json.loads(os.environ["GATEWAY_TASKS"])


class City(BaseModel):
    """A city."""

    city: str


def weather(city: str) -> str:
    """Weather of a city."""
    return f"sunny in {city}"


def langchain(task: Task) -> dict[str, Any]:
    """LangChain, by its OpenAI integration."""

    def model(act: str) -> ChatOpenAI:
        return ChatOpenAI(model=task["models"][act], base_url=f"{URL}/v1", api_key=SecretStr(KEY), max_retries=0)

    def call() -> dict[str, Any]:
        tool = StructuredTool.from_function(weather, name=task["tool"])
        called = model("tool").bind_tools([tool]).invoke("Weather in Oslo")  # pyright: ignore[reportUnknownMemberType] LangChain leaves its parameters open
        assert isinstance(called, AIMessage)
        return {"name": called.tool_calls[0]["name"], "input": called.tool_calls[0]["args"]}

    def form() -> dict[str, Any]:
        structured = model("json").with_structured_output(City, method="json_schema")  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType] LangChain leaves its parameters open
        made = cast("object", structured.invoke("A city as JSON"))
        assert isinstance(made, City)
        return made.model_dump()

    acts: dict[str, Callable[[], Any]] = {
        "chat": lambda: model("chat").invoke("Say hello").text,
        "stream": lambda: "".join(chunk.text for chunk in model("stream").stream("Say hello")),
        "tool": call,
        "json": form,
    }
    return {act: acts[act]() for act in task["models"]}


async def pydantic_ai(task: Task, model: Callable[[str], Model]) -> dict[str, Any]:
    """Pydantic AI, by either dialect."""

    async def chat() -> str:
        return (await Agent(model("chat")).run("Say hello")).output

    async def stream() -> str:
        async with Agent(model("stream")).run_stream("Say hello") as streamed:
            return await streamed.get_output()

    async def call() -> dict[str, Any]:
        # The stand-in would ask for the tool again and again; one call is what is looked at.
        once = UsageLimits(request_limit=1)
        agent = Agent(model("tool"), tools=[Tool(weather, name=task["tool"])], retries=0)
        with capture_run_messages() as messages, contextlib.suppress(UsageLimitExceeded, UnexpectedModelBehavior):
            await agent.run("Weather in Oslo", usage_limits=once)
        made = next(part for message in messages for part in message.parts if isinstance(part, ToolCallPart))
        return {"name": made.tool_name, "input": made.args_as_dict()}

    async def form() -> dict[str, Any]:
        chosen = model("json")
        # It believes native output of Claude's own names only; the other way is a prompt.
        wanted = NativeOutput(City) if isinstance(chosen, OpenAIChatModel) else PromptedOutput(City)
        return (await Agent(chosen, output_type=wanted).run("A city as JSON")).output.model_dump()

    acts: dict[str, Callable[[], Awaitable[Any]]] = {"chat": chat, "stream": stream, "tool": call, "json": form}
    return {act: await acts[act]() for act in task["models"]}


def main(client: str, task: Task) -> dict[str, Any]:
    """What the client got."""
    if client == "langchain":
        return langchain(task)
    models = task["models"]
    if client == "pydantic-ai-openai":
        openai = OpenAIProvider(base_url=f"{URL}/v1", api_key=KEY)
        return asyncio.run(pydantic_ai(task, lambda act: OpenAIChatModel(models[act], provider=openai)))
    anthropic = AnthropicProvider(base_url=URL, api_key=KEY)
    return asyncio.run(pydantic_ai(task, lambda act: AnthropicModel(models[act], provider=anthropic)))


if __name__ == "__main__":
    for one in TASKS:
        sys.stdout.write(json.dumps(main(sys.argv[1], one)) + "\n")
