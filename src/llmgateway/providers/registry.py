"""Every provider the gateway is built with, in the order they are listed."""

from typing import Final

from llmgateway.providers.anthropic import ANTHROPIC
from llmgateway.providers.base import Provider
from llmgateway.providers.deepseek import DEEPSEEK
from llmgateway.providers.gemini import GEMINI
from llmgateway.providers.groq import GROQ
from llmgateway.providers.ollama import OLLAMA
from llmgateway.providers.openai import OPENAI
from llmgateway.providers.sandbox import SANDBOX
from llmgateway.providers.vertex import VERTEX

PROVIDERS: Final[tuple[Provider, ...]] = (
    SANDBOX,
    OPENAI,
    ANTHROPIC,
    GEMINI,
    VERTEX,
    GROQ,
    DEEPSEEK,
    OLLAMA,
)
