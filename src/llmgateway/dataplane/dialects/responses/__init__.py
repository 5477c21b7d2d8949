"""OpenAI's Responses, as callers speak it."""
