"""Names of models as bills have them: a model that was asked for by its name alone is billed by its dated one."""

import re
from typing import Final

_DATE: Final = re.compile(r"-(?:20[0-9]{2}-[01][0-9]-[0-3][0-9]|20[0-9]{2}[01][0-9][0-3][0-9])$")
"""OpenAI's way (https://platform.openai.com/docs/models: `gpt-4.1-2025-04-14`), and Anthropic's
(https://platform.claude.com/docs/en/about-claude/models/overview: `claude-sonnet-4-5-20250929`)."""


def undated(name: str) -> str:
    """The name without the date of its snapshot."""
    return _DATE.sub("", name)
