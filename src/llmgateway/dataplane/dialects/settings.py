"""Checks the settings of a Call whose dialect is not OpenAI's: providers rely on the types of the values in canon."""

from llmgateway.canon.call import Call
from llmgateway.dataplane.dialects.openai.shapes import ChatSettings
from llmgateway.dataplane.dialects.validation import check, refuse


def check_settings(call: Call) -> None:
    """Raise BadRequest, naming the field as the caller wrote it, for a setting of the wrong type, and for more than one answer."""
    if (check(call.canon, ChatSettings, call.in_body).n or 1) > 1:
        raise refuse("n", "must be 1: an answer of this endpoint is one. Send the request again for another.")
