"""What the readers of usage make of halves, of zeros and of what is no number."""

from llmgateway.canon.chat import Json
from llmgateway.canon.usage import Usage
from llmgateway.providers.anthropic.answer import Figures
from llmgateway.providers.anthropic.answer import usage_of as anthropic
from llmgateway.providers.bedrock.answer import usage_of as bedrock
from llmgateway.providers.cohere.answer import usage_of as cohere
from llmgateway.providers.ollama_native.answer import usage_of as ollama
from llmgateway.providers.openai_wire.responses import responses_usage
from llmgateway.providers.openai_wire.usage import read_usage
from llmgateway.providers.rerank import rerank_usage

PROMPT_ALONE = Usage(prompt_tokens=100, completion_told=False)
COMPLETION_ALONE = Usage(completion_tokens=5, prompt_told=False)


def _responses(usage: Json) -> Usage | None:
    return responses_usage({"usage": usage})


def test_half_a_usage_says_which_half_it_is() -> None:
    assert read_usage({"prompt_tokens": 100}) == PROMPT_ALONE
    assert read_usage({"prompt_tokens": 100, "completion_tokens": None}) == PROMPT_ALONE
    assert read_usage({"completion_tokens": 5}) == COMPLETION_ALONE
    assert _responses({"input_tokens": 100}) == anthropic(Figures(input_tokens=100)) == PROMPT_ALONE
    assert _responses({"output_tokens": 5}) == anthropic(Figures(output_tokens=5)) == COMPLETION_ALONE
    assert bedrock({"inputTokens": 100}) == cohere({"tokens": {"input_tokens": 100}}) == PROMPT_ALONE
    assert bedrock({"outputTokens": 5}) == cohere({"tokens": {"output_tokens": 5}}) == COMPLETION_ALONE
    assert ollama({"prompt_eval_count": 100}) == PROMPT_ALONE
    assert ollama({"eval_count": 5}) == COMPLETION_ALONE


def test_a_zero_and_a_total_tell_the_other_half() -> None:
    assert read_usage({"prompt_tokens": 100, "completion_tokens": 0}) == Usage(prompt_tokens=100)
    assert read_usage({"prompt_tokens": 100, "total_tokens": 100}) == Usage(prompt_tokens=100)
    assert read_usage({"completion_tokens": 5, "total_tokens": 105}) == Usage(prompt_tokens=100, completion_tokens=5)
    assert _responses({"input_tokens": 100, "output_tokens": 0}) == Usage(prompt_tokens=100)


def test_true_and_texts_are_no_numbers() -> None:
    assert read_usage({"prompt_tokens": True, "completion_tokens": 5}) == COMPLETION_ALONE
    assert _responses({"input_tokens": 100, "output_tokens": "5"}) == PROMPT_ALONE
    assert ollama({"prompt_eval_count": 100, "eval_count": True}) == PROMPT_ALONE
    assert rerank_usage({"usage": {"prompt_tokens": True, "total_tokens": 6}}) == Usage(prompt_tokens=6)
