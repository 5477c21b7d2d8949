"""OpenAI's chat, embeddings, completions and rerank, as callers speak them."""
