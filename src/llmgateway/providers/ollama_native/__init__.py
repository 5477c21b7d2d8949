"""Ollama by its own API, /api/chat and /api/embed."""
