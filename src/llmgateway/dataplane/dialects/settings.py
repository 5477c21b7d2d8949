"""What bodies of the dialects that are not OpenAI's may set, once they are canon: values that providers rely on."""

from llmgateway.canon.call import Call
from llmgateway.dataplane.dialects.openai.shapes import Settings
from llmgateway.dataplane.dialects.validation import check, refuse


def check_settings(call: Call) -> None:
    """Raise BadRequest, naming the field as the caller wrote it, for a setting of the wrong kind, and for more answers than can be told."""
    if (check(call.canon, Settings, call.in_body).n or 1) > 1:
        raise refuse("n", "must be 1: an answer of this endpoint is one. Send the request again for another.")
