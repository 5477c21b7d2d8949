"""Azure: OpenAI's and Anthropic's models under one resource."""
