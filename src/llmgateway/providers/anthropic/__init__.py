"""Anthropic's Messages API, and whoever hosts it."""
