"""Chat, stream, tools and structured output by LangChain and Pydantic AI. Prints one JSON line for the client it is given.

A program of its own, as an application would be: these libraries leave their sockets to the process's end.
"""

import asyncio
import contextlib
import json
import os
import sys
from typing import Any, cast

from langchain_core.messages import AIMessage
from langchain_openai import ChatOpenAI
from pydantic import BaseModel, SecretStr
from pydantic_ai import Agent, NativeOutput, PromptedOutput, capture_run_messages
from pydantic_ai.exceptions import UsageLimitExceeded
from pydantic_ai.messages import ToolCallPart
from pydantic_ai.models import Model
from pydantic_ai.models.anthropic import AnthropicModel
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.anthropic import AnthropicProvider
from pydantic_ai.providers.openai import OpenAIProvider
from pydantic_ai.usage import UsageLimits

URL, KEY, MODEL = (os.environ[name] for name in ("GATEWAY_URL", "GATEWAY_KEY", "GATEWAY_MODEL"))


class City(BaseModel):
    """A city."""

    city: str


def weather(city: str) -> str:
    """Weather of a city."""
    return f"sunny in {city}"


def langchain() -> dict[str, Any]:
    """LangChain, by its OpenAI integration."""
    chat = ChatOpenAI(model=MODEL, base_url=f"{URL}/v1", api_key=SecretStr(KEY), max_retries=0)
    called = chat.bind_tools([weather]).invoke("Weather in Oslo")  # pyright: ignore[reportUnknownMemberType] LangChain leaves its parameters open
    assert isinstance(called, AIMessage)
    structured = chat.with_structured_output(City, method="json_schema")  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType] LangChain leaves its parameters open
    made = cast("object", structured.invoke("A city as JSON"))
    assert isinstance(made, City)
    return {
        "chat": chat.invoke("Say hello").text,
        "stream": "".join(chunk.text for chunk in chat.stream("Say hello")),
        "tool": {"name": called.tool_calls[0]["name"], "input": called.tool_calls[0]["args"]},
        "json": made.model_dump(),
    }


async def pydantic_ai(model: Model) -> dict[str, Any]:
    """Pydantic AI, by either dialect."""
    agent = Agent(model)
    # It believes native output of Claude's own names only; the other way is a prompt.
    form = NativeOutput(City) if isinstance(model, OpenAIChatModel) else PromptedOutput(City)
    async with agent.run_stream("Say hello") as stream:
        streamed = await stream.get_output()
    # The stand-in would ask for the tool again and again; one call is what is looked at.
    once = UsageLimits(request_limit=1)
    with capture_run_messages() as messages, contextlib.suppress(UsageLimitExceeded):
        await Agent(model, tools=[weather], retries=0).run("Weather in Oslo", usage_limits=once)
    call = next(part for message in messages for part in message.parts if isinstance(part, ToolCallPart))
    return {
        "chat": (await agent.run("Say hello")).output,
        "stream": streamed,
        "tool": {"name": call.tool_name, "input": call.args_as_dict()},
        "json": (await Agent(model, output_type=form).run("A city as JSON")).output.model_dump(),
    }


def main(client: str) -> dict[str, Any]:
    """What the client got."""
    if client == "langchain":
        return langchain()
    if client == "pydantic-ai-openai":
        return asyncio.run(
            pydantic_ai(OpenAIChatModel(MODEL, provider=OpenAIProvider(base_url=f"{URL}/v1", api_key=KEY)))
        )
    return asyncio.run(pydantic_ai(AnthropicModel(MODEL, provider=AnthropicProvider(base_url=URL, api_key=KEY))))


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(sys.argv[1])) + "\n")
