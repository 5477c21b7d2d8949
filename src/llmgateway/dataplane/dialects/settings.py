"""What bodies of the dialects that are not OpenAI's may set, once they are canon: values that providers rely on."""

import re
from typing import Final

from llmgateway.canon.call import Call
from llmgateway.dataplane.dialects.openai.shapes import Settings
from llmgateway.dataplane.dialects.validation import check, refuse

_PLACE: Final = re.compile(r"\[(\d+)\]")


def check_settings(call: Call) -> None:
    """Raise BadRequest, naming the field as the caller wrote it, for a setting of the wrong kind, and for more answers than can be told."""

    def told(path: str) -> str:
        dotted = _PLACE.sub(r".\1", path)
        written = call.in_body(dotted)
        return path if written == dotted else written

    if (check(call.canon, Settings, told).n or 1) > 1:
        raise refuse("n", "must be 1: an answer of this endpoint is one. Send the request again for another.")
