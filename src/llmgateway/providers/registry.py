"""Every provider the gateway is built with, in the order they are listed."""

from typing import Final

from llmgateway.providers.anthropic.declaration import ANTHROPIC
from llmgateway.providers.azure.declaration import AZURE
from llmgateway.providers.base import Provider
from llmgateway.providers.bedrock.declaration import BEDROCK
from llmgateway.providers.cerebras import CEREBRAS
from llmgateway.providers.cloudflare import CLOUDFLARE
from llmgateway.providers.cohere.declaration import COHERE
from llmgateway.providers.databricks import DATABRICKS
from llmgateway.providers.deepseek import DEEPSEEK
from llmgateway.providers.fireworks import FIREWORKS
from llmgateway.providers.gemini.declaration import GEMINI
from llmgateway.providers.groq import GROQ
from llmgateway.providers.huggingface import HUGGINGFACE
from llmgateway.providers.jina import JINA
from llmgateway.providers.mistral import MISTRAL
from llmgateway.providers.moonshot import MOONSHOT
from llmgateway.providers.nvidia import NVIDIA
from llmgateway.providers.ollama import OLLAMA
from llmgateway.providers.ollama_native.declaration import OLLAMA_NATIVE
from llmgateway.providers.openai import OPENAI
from llmgateway.providers.openrouter import OPENROUTER
from llmgateway.providers.perplexity import PERPLEXITY
from llmgateway.providers.qwen import QWEN
from llmgateway.providers.sambanova import SAMBANOVA
from llmgateway.providers.sandbox import SANDBOX
from llmgateway.providers.together import TOGETHER
from llmgateway.providers.vertex.declaration import VERTEX
from llmgateway.providers.voyage import VOYAGE
from llmgateway.providers.xai import XAI
from llmgateway.providers.zhipu import ZHIPU

PROVIDERS: Final[tuple[Provider, ...]] = (
    SANDBOX,
    OPENAI,
    ANTHROPIC,
    GEMINI,
    VERTEX,
    BEDROCK,
    COHERE,
    GROQ,
    DEEPSEEK,
    AZURE,
    OLLAMA,
    OLLAMA_NATIVE,
    TOGETHER,
    MISTRAL,
    PERPLEXITY,
    HUGGINGFACE,
    OPENROUTER,
    XAI,
    FIREWORKS,
    CEREBRAS,
    NVIDIA,
    SAMBANOVA,
    MOONSHOT,
    ZHIPU,
    QWEN,
    CLOUDFLARE,
    DATABRICKS,
    VOYAGE,
    JINA,
)
