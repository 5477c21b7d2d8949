"""Every provider the gateway is built with, in the order they are listed."""

from typing import Final

from llmgateway.providers.anthropic.declaration import ANTHROPIC
from llmgateway.providers.azure.declaration import AZURE
from llmgateway.providers.base import Provider
from llmgateway.providers.bedrock.declaration import BEDROCK
from llmgateway.providers.cohere.declaration import COHERE
from llmgateway.providers.gemini.declaration import GEMINI
from llmgateway.providers.hosts.cerebras import CEREBRAS
from llmgateway.providers.hosts.cloudflare import CLOUDFLARE
from llmgateway.providers.hosts.databricks import DATABRICKS
from llmgateway.providers.hosts.deepseek import DEEPSEEK
from llmgateway.providers.hosts.fireworks import FIREWORKS
from llmgateway.providers.hosts.groq import GROQ
from llmgateway.providers.hosts.huggingface import HUGGINGFACE
from llmgateway.providers.hosts.jina import JINA
from llmgateway.providers.hosts.mistral import MISTRAL
from llmgateway.providers.hosts.moonshot import MOONSHOT
from llmgateway.providers.hosts.nvidia import NVIDIA
from llmgateway.providers.hosts.ollama import OLLAMA
from llmgateway.providers.hosts.openai import OPENAI
from llmgateway.providers.hosts.openrouter import OPENROUTER
from llmgateway.providers.hosts.perplexity import PERPLEXITY
from llmgateway.providers.hosts.qwen import QWEN
from llmgateway.providers.hosts.sambanova import SAMBANOVA
from llmgateway.providers.hosts.sandbox import SANDBOX
from llmgateway.providers.hosts.together import TOGETHER
from llmgateway.providers.hosts.voyage import VOYAGE
from llmgateway.providers.hosts.xai import XAI
from llmgateway.providers.hosts.zhipu import ZHIPU
from llmgateway.providers.ollama_native.declaration import OLLAMA_NATIVE
from llmgateway.providers.vertex.declaration import VERTEX

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
