"""What the small providers of these tests are sent and say, by the wire that they speak."""

WIRES = ("openai", "anthropic", "gemini")
PIXEL = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNkYAAAAAYAAjCB0C8AAAAASUVORK5CYII="
)
PROMPT_TOKENS = {"openai": 11, "anthropic": 11, "gemini": 7}
COMPLETION_TOKENS = {"openai": 3, "anthropic": 3, "gemini": 8}
