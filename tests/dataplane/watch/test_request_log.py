"""Which requests get a line, so that the id on a customer's screen can be found."""

from typing import Any

import msgspec
import pytest
from structlog.testing import capture_logs

from llmgateway.contract.usage import Outcome
from llmgateway.dataplane.watch.request_log import RequestLog, Which
from llmgateway.errors import NotFound, Problem, Unavailable
from tests.dataplane.usage_records import event

REFUSED = msgspec.structs.replace(event(), outcome=Outcome.REFUSED, status=429)
ENDED = {
    "finished": event(),
    "refused": REFUSED,
    "refused for want of a store": msgspec.structs.replace(REFUSED, status=503, error_code="store_unavailable"),
    "failed": msgspec.structs.replace(event(), outcome=Outcome.FAILED, status=200),
}
AWAY: dict[str, Problem] = {"unknown path": NotFound("There is none."), "keys cannot be read": Unavailable("Later.")}


def _lines(which: Which) -> dict[str, Any]:
    told, log = dict[str, Any](), RequestLog(which)
    for name, one in ENDED.items():
        with capture_logs() as lines:
            log.ended(one)
        if lines:
            told[name] = lines[0]["log_level"]
    for name, problem in AWAY.items():
        with capture_logs() as lines:
            log.turned_away(problem, "req_1")
        assert all(line["request_id"] == "req_1" for line in lines)
        if lines:
            told[name] = lines[0]["log_level"]
    return told


@pytest.mark.parametrize("which", ["all", "failed", "none"])
def test_who_gets_a_line(which: Which) -> None:
    failed = {"refused for want of a store": "warning", "failed": "warning", "keys cannot be read": "warning"}
    rest = {"finished": "info", "refused": "info", "unknown path": "info"}
    assert _lines(which) == {"all": failed | rest, "failed": failed, "none": {}}[which]
