"""Sampling parameters and stop sequences that OpenAI's models are known to refuse, by their names.

Pages: https://platform.openai.com/docs/api-reference/chat/create (`stop`), https://platform.openai.com/docs/guides/reasoning,
https://developers.openai.com/api/docs/guides/latest-model (parameter compatibility).
"""

import re
from collections.abc import Iterator
from typing import Final

from llmgateway.canon.chat import Json
from llmgateway.canon.shapes import is_array
from llmgateway.providers.openai_wire.efforts import thinking_is_off

_DATED: Final = r"(?:-\d{4}-\d{2}-\d{2})?$"
_ALWAYS_THINKING: Final = re.compile(rf"(?:o[134](?:-mini|-pro|-preview)?|gpt-5(?:-mini|-nano|-pro)?){_DATED}")
_THINKING_WHEN_ASKED: Final = re.compile(rf"gpt-5\.\d(?:-mini|-nano)?{_DATED}")
_WITHOUT_STOP: Final = re.compile(rf"(?:o3|o4-mini){_DATED}")
_MOST_STOPS: Final = 4
_USUAL: Final = (None, 1)
"""The only values of temperature and top_p that a reasoning model takes: absent or the default."""


def refused_sampling(canon: Json, model: str) -> Iterator[str]:
    """Names of the parameters that the model refuses with their present values; none for an unknown model."""
    name = model.rpartition("/")[2]
    if _ALWAYS_THINKING.match(name) or (_THINKING_WHEN_ASKED.match(name) and _is_to_think(canon)):
        yield from (one for one in ("temperature", "top_p") if canon.get(one) not in _USUAL)
    stops = canon.get("stop")
    if (is_array(stops) and len(stops) > _MOST_STOPS) or (stops and _WITHOUT_STOP.match(name)):
        yield "stop"


def _is_to_think(canon: Json) -> bool:
    return not thinking_is_off(canon.get("thinking")) and canon.get("reasoning_effort") not in {None, "none"}
