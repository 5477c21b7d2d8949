"""`kill -9` of gateways, worker, Redis and PostgreSQL at random moments under load; `make soak` does it for minutes."""

from pathlib import Path

import pytest

from bench import chaos

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

SEED = 6
VICTIMS = {"postgres", "redis", "worker", "data-1", "data-2"}


def test_what_the_provider_counted_is_in_rows_sums_and_ledger_whoever_is_killed(tmp_path: Path) -> None:
    findings = chaos.run(tmp_path, seed=SEED, rounds=len(VICTIMS))
    assert set(findings.killed) == VICTIMS, findings.summary
    assert findings.wrong == [], findings.summary
    assert findings.heard.whole, findings.summary
    assert findings.heard.outcomes["whole"] < findings.heard.asked, "nobody noticed that anything was killed"
