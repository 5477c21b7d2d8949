"""What goes to a host on OpenAI's wire, and what is refused before."""

import base64
import dataclasses

import pytest
from msgspec.structs import replace

from llmgateway.canon.call import Dialect, Operation
from llmgateway.canon.chat import Json
from llmgateway.providers.base import Provider
from llmgateway.providers.hosts.groq import GROQ
from llmgateway.providers.hosts.mistral import MISTRAL
from llmgateway.providers.hosts.ollama import OLLAMA
from llmgateway.providers.hosts.openai import OPENAI
from llmgateway.providers.hosts.openrouter import OPENROUTER
from llmgateway.providers.hosts.perplexity import PERPLEXITY
from llmgateway.providers.hosts.sandbox import SANDBOX
from llmgateway.providers.hosts.voyage import VOYAGE
from llmgateway.providers.openai_compatible import OpenAICompatible, compatible_host
from llmgateway.providers.paths import leave_out
from llmgateway.providers.registry import PROVIDERS
from tests.providers.calls import HELLO, chat, sent
from tests.providers.openai_building import LAB, PLACE, STREAMED, reply

HOSTS = [provider for provider in PROVIDERS if type(provider) is OpenAICompatible]
USAGE: Json = {"include_usage": True}


def test_a_request_changes_only_the_model() -> None:
    call = chat({"temperature": 0.5, "unknown": {"x": 1}, "user": "u"})
    request = LAB.build(call, PLACE)
    assert sent(request) == {**call.body, "model": "served"}
    assert (request.method, request.url) == ("POST", "http://lab/v1/chat/completions")
    assert request.headers == {"content-type": "application/json", "authorization": "Bearer k"}
    assert call.body["model"] == "asked-for"


def test_the_credential_has_its_header_or_there_is_none() -> None:
    assert dataclasses.replace(LAB, auth_header="x-key").build(chat(), PLACE).headers["x-key"] == "k"
    assert LAB.build(chat(), replace(PLACE, secrets={})).headers == {"content-type": "application/json"}


@pytest.mark.parametrize(
    ("operation", "path"),
    [
        (Operation.CHAT, "/chat/completions"),
        (Operation.EMBEDDINGS, "/embeddings"),
        (Operation.COMPLETIONS, "/completions"),
        (Operation.RERANK, "/rerank"),
    ],
)
def test_each_operation_has_its_path(operation: Operation, path: str) -> None:
    assert LAB.build(chat(operation=operation), PLACE).url == "http://lab/v1" + path


@pytest.mark.parametrize("base", ["http://o", "http://o/v1"])
def test_ollama_is_found_with_and_without_v1(base: str) -> None:
    assert OLLAMA.build(chat(), replace(PLACE, base_url=base)).url == "http://o/v1/chat/completions"


@pytest.mark.parametrize(
    ("host", "given", "wanted"),
    [
        (LAB, {"stream": True}, {"stream": True, "stream_options": USAGE}),
        (LAB, {"stream": True, "stream_options": None}, {"stream": True, "stream_options": USAGE}),
        (
            LAB,
            {"stream": True, "stream_options": {"include_usage": False, "x": 1}},
            {"stream": True, "stream_options": {"include_usage": True, "x": 1}},
        ),
        (MISTRAL, {"stream": True, "stream_options": USAGE}, {"stream": True}),
    ],
)
def test_a_stream_is_asked_to_tell_its_usage(host: OpenAICompatible, given: Json, wanted: Json) -> None:
    assert sent(host.build(chat(given), STREAMED)) == {"model": "served", "messages": [HELLO], **wanted}


def test_a_whole_answer_is_asked_without_stream_options() -> None:
    body = sent(OPENAI.build(chat({"stream": True, "stream_options": USAGE}), PLACE))
    assert body == {"model": "served", "messages": [HELLO], "stream": False}


@pytest.mark.parametrize(
    ("extra", "refused"),
    [
        ({"logit_bias": {"1": 5}}, ["logit_bias"]),
        ({"logprobs": True, "top_logprobs": 2}, ["logprobs", "top_logprobs"]),
        ({"logprobs": False, "top_logprobs": 0, "logit_bias": {}}, []),
        ({"logprobs": None, "logit_bias": None}, []),
        ({"temperature": 2, "unknown": 1}, []),
    ],
)
def test_what_a_host_cannot_honour_is_refused_but_not_at_its_default(extra: Json, refused: list[str]) -> None:
    call = chat(extra)
    assert sorted(GROQ.refuses(call, "m")) == refused
    if not refused:
        assert sent(GROQ.build(call, PLACE)).keys() & GROQ.unsupported == set()


def test_what_openai_documents_as_the_default_is_left_out_where_a_host_does_not_know_it() -> None:
    defaults: Json = {
        "verbosity": "medium",
        "service_tier": "default",
        "user": "",
        "modalities": ["text"],
        "store": False,
    }
    call = chat(defaults)
    assert not MISTRAL.refuses(call, "m")
    assert sent(MISTRAL.build(call, PLACE)) == {"model": "served", "messages": [HELLO]}
    assert MISTRAL.refuses(chat({"verbosity": "low"}), "m") == ["verbosity"]


def test_what_may_be_dropped_is_left_out() -> None:
    body = sent(GROQ.build(chat({"logprobs": True, "seed": 4}), replace(PLACE, dropped=frozenset({"logprobs"}))))
    assert body == {"model": "served", "messages": [HELLO], "seed": 4}


def test_fields_have_the_hosts_names() -> None:
    call = chat({"max_completion_tokens": 9, "seed": 4})
    assert sent(MISTRAL.build(call, PLACE)) == {
        "model": "served",
        "messages": [HELLO],
        "max_tokens": 9,
        "random_seed": 4,
    }
    assert sent(OPENAI.build(call, PLACE))["max_completion_tokens"] == 9
    assert sent(OPENAI.build(chat({"max_tokens": 9}), PLACE))["max_tokens"] == 9


def test_a_foreign_caller_of_openai_has_the_newer_name_for_max_tokens() -> None:
    body = sent(OPENAI.build(chat({"max_tokens": 9}, Dialect.ANTHROPIC), PLACE))
    assert body == {"model": "served", "messages": [HELLO], "max_completion_tokens": 9}


FOREIGN: list[tuple[Json, list[str]]] = [
    ({"tools": [{"type": "function", "function": {"name": "f"}}, {"type": "web_search_20250305"}]}, ["tools.1"]),
    ({"container": "c", "mcp_servers": []}, ["container", "mcp_servers"]),
    ({"top_k": 4}, ["top_k"]),
    ({"thinking": {"type": "enabled", "budget_tokens": 1024}, "reasoning_effort": "low"}, []),
    (
        {
            "messages": [
                {"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "document", "source": {}}]}
            ]
        },
        ["messages.0.content.1"],
    ),
    ({"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://x"}}]}]}, []),
]


@pytest.mark.parametrize(("extra", "refused"), FOREIGN)
def test_what_chat_has_no_word_for_is_refused_by_name(extra: Json, refused: list[str]) -> None:
    assert sorted(OPENAI.refuses(chat(extra, Dialect.ANTHROPIC), "m")) == refused
    assert not OPENAI.refuses(chat(extra), "m"), "the owner of the dialect refuses for itself"


def test_a_refused_tool_or_part_may_be_dropped() -> None:
    tool: Json = {"type": "function", "function": {"name": "f"}}
    part: Json = {"type": "text", "text": "a"}
    extra: Json = {
        "tools": [{"type": "web_search_20250305"}, tool],
        "messages": [{"role": "user", "content": [part, {"type": "document"}]}, HELLO],
        "tool_choice": "auto",
    }
    dropped = frozenset({"tools.0", "messages.0.content.1"})
    body = sent(LAB.build(chat(extra, Dialect.ANTHROPIC), replace(PLACE, dropped=dropped)))
    assert body["tools"] == [tool]
    assert body["messages"] == [{"role": "user", "content": [part]}, HELLO]
    extra["tools"] = extra["tools"][:1]
    body = sent(LAB.build(chat(extra, Dialect.ANTHROPIC), replace(PLACE, dropped=dropped)))
    assert body.keys() == {"model", "messages"}


@pytest.mark.parametrize(
    ("asked", "kept"),
    [
        ({"type": "function", "function": {"name": "web_search"}}, False),
        ({"type": "function", "function": {"name": "f"}}, True),
        ("required", True),
    ],
)
def test_a_tool_that_is_dropped_takes_the_choice_of_it_along(asked: object, *, kept: bool) -> None:
    tool: Json = {"type": "function", "function": {"name": "f"}}
    tools: Json = {"tools": [{"type": "web_search_20250305", "name": "web_search"}, tool], "tool_choice": asked}
    to_hosts = sent(LAB.build(chat(tools, Dialect.ANTHROPIC), replace(PLACE, dropped=frozenset({"tools.0"}))))
    to_others = leave_out(tools, frozenset({"tools.0.type"}))
    for body in (to_hosts, to_others):
        assert body["tools"] == [tool]
        assert ("tool_choice" in body) is kept


MARKED: Json = {
    "messages": [
        {"role": "user", "content": [{"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}}]},
        {
            "role": "assistant",
            "content": None,
            "reasoning_content": "hm",
            "thinking_blocks": [{"type": "thinking"}],
            "provider_blocks": [{"type": "x"}],
            "tool_calls": [
                {"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}, "extra_content": {"g": 1}}
            ],
        },
        {
            "role": "tool",
            "tool_call_id": "a",
            "content": "no",
            "is_error": True,
            "cache_control": {"type": "ephemeral"},
        },
    ],
    "tools": [{"type": "function", "function": {"name": "f"}, "cache_control": {"type": "ephemeral"}}],
}


def test_extensions_of_canon_stay_at_home() -> None:
    body = sent(OPENAI.build(chat(MARKED, Dialect.ANTHROPIC), PLACE))
    assert body["messages"] == [
        {"role": "user", "content": [{"type": "text", "text": "a"}]},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
        },
        {"role": "tool", "tool_call_id": "a", "content": "no"},
    ]
    assert body["tools"] == [{"type": "function", "function": {"name": "f"}}]


def test_extensions_that_a_host_knows_are_kept() -> None:
    body = sent(OPENROUTER.build(chat(MARKED, Dialect.ANTHROPIC), PLACE))
    assert body["messages"][0] == MARKED["messages"][0]
    assert body["messages"][1]["reasoning_content"] == "hm"
    assert "thinking_blocks" not in body["messages"][1]
    assert body["tools"] == MARKED["tools"]


def test_what_an_openai_caller_wrote_into_messages_travels_on() -> None:
    message: Json = {"role": "assistant", "content": "a", "reasoning_content": "hm", "cache_control": {}, "own": 1}
    assert sent(LAB.build(chat({"messages": [message]}), PLACE))["messages"] == [message]


def test_what_other_makers_models_added_to_a_history_does_not_reach_openai() -> None:
    """Turn one was answered by Claude or Gemini, and the caller's library sends all of it back."""
    call: Json = {"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    answer: Json = {"role": "assistant", "content": "a", "annotations": [], "tool_calls": [call]}
    additions: Json = {"reasoning_content": "hm", "thinking_blocks": [{}], "provider_blocks": [{}], "extra_content": {}}
    extended: Json = {**answer, **additions, "tool_calls": [{**call, "extra_content": {"google": {}}}]}
    body = sent(OPENAI.build(chat({"messages": [HELLO, extended, HELLO]}), PLACE))
    assert body["messages"] == [HELLO, answer, HELLO]
    assert "thinking_blocks" in extended


def test_who_owns_the_dialect() -> None:
    assert OPENAI.speaks(chat())
    assert OPENAI.speaks(chat(dialect=Dialect.RESPONSES))
    assert not OPENAI.speaks(chat(dialect=Dialect.ANTHROPIC))
    assert not GROQ.speaks(chat())
    assert not LAB.speaks(chat(dialect=Dialect.RESPONSES))
    assert LAB.speaks(chat(operation=Operation.COMPLETIONS))


def test_a_native_answer_goes_back_byte_for_byte() -> None:
    given = b' {"choices": [{"message": {"content": "hi"}, "finish_reason": "stop"}] }\n'
    assert OPENAI.read(chat(), reply(given)).raw == given
    assert LAB.read(chat(), reply(given)).raw is None


@pytest.mark.parametrize(("host", "kept"), [(OPENAI, "base64"), (VOYAGE, "base64"), (LAB, None)])
def test_vectors_are_asked_for_as_numbers_unless_the_host_encodes_them_well(
    host: OpenAICompatible, kept: str | None
) -> None:
    call = chat({"input": "a", "encoding_format": "base64"}, operation=Operation.EMBEDDINGS)
    assert sent(host.build(call, PLACE)).get("encoding_format") == kept


def test_perplexitys_bytes_become_numbers() -> None:
    vector = base64.b64encode(bytes([1, 255, 128])).decode()
    body: Json = {
        "data": [{"index": 0, "embedding": vector}, {"index": 1, "embedding": [0.5]}],
        "usage": {"total_tokens": 3},
    }
    answer = PERPLEXITY.read(chat(operation=Operation.EMBEDDINGS), reply(body))
    assert [item["embedding"] for item in answer.body["data"]] == [[1.0, -1.0, -128.0], [0.5]]
    assert answer.body["usage"] == {"total_tokens": 3, "prompt_tokens": 3}


@pytest.mark.parametrize("host", HOSTS, ids=lambda host: host.id)
def test_a_declaration_is_whole(host: Provider) -> None:
    assert host.docs.startswith("https://")
    assert host.base_url.startswith(("https://", "http://localhost"))
    assert not host.base_url.endswith("/")
    assert host.title
    assert host.endpoints
    assert Operation.CHAT not in host.endpoints or not host.refuses(
        chat({"temperature": 0.5, "max_tokens": 5, "stop": ["x"], "top_p": 0.5}), "m"
    )


def test_a_server_of_ones_own_takes_everything() -> None:
    host = compatible_host("mine", "http://h/v1")
    everything = {name: "x" for provider in HOSTS for name in provider.unsupported}
    assert (host.id, host.base_url, list(host.refuses(chat(everything), "m"))) == ("mine", "http://h/v1", [])


def test_the_sandbox_tells_of_a_misspelt_parameter_unless_it_speaks_for_another_model() -> None:
    asked: Json = {"messages": [], "temperatur": 1, "top_k": 3, "verbosity": "low"}
    assert SANDBOX.refuses(replace(chat(asked), model="sandbox/chat"), "chat") == ["temperatur"]
    assert SANDBOX.refuses(replace(chat(asked), model="openrouter/x"), "openrouter/x") == []
