"""OpenAI's wire as hosts speak it: streams, errors, usage, repairs."""
