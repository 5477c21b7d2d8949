"""A plan's quota: what a refusal says where it is not used up."""

import msgspec
import pytest

from llmgateway.dataplane.admit.scopes import Need
from llmgateway.errors import PaymentRequired
from tests.dataplane.budgeted import DOLLAR, QUOTA, Ledger, key, limiter_over, spent


@pytest.mark.parametrize("beyond", [None, DOLLAR])
async def test_a_quota_without_room_for_this_request_alone_says_what_is_left_and_needed(beyond: int | None) -> None:
    plan = key(quota=msgspec.structs.replace(QUOTA, requests=None, tokens=50_000, overage_limit=beyond))
    limiter = limiter_over(Ledger(spent("key_0", requests=1, tokens=48_012)))
    with pytest.raises(PaymentRequired) as caught:
        await limiter.admit(plan, "t", Need(2_500, 90))
    assert caught.value.code == "quota_exceeded"
    assert "50,000 tokens" in caught.value.message
    assert "and 1,988 of them are left; this request needs 2,500. It begins anew at" in caught.value.message
    assert "used up" not in caught.value.message
