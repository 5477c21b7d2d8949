"""identify: what a key may be, and what happens when nobody can be asked."""

from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from llmgateway.contract.channels import KeyChanged, SourceUnavailable
from llmgateway.contract.snapshot import KeySnapshot, OrgSnapshot, Quota
from llmgateway.dataplane.keys import Keys
from llmgateway.errors import Forbidden, TooMany, Unauthorized, Unavailable
from llmgateway.kit.clock import ManualClock

NOW = datetime(2026, 11, 1, tzinfo=UTC)
ORG = OrgSnapshot(id="org_1", slug="acme", plan="self_hosted")
KEY = KeySnapshot(id="key_1", name="test", org=ORG)


class Table:
    """A SnapshotSource over a dictionary, that can be out of reach."""

    def __init__(self, **keys: KeySnapshot) -> None:
        self.keys = dict(keys)
        self.asked = 0
        self.down = False

    async def key_snapshot(self, secret: str) -> KeySnapshot | None:
        self.asked += 1
        if self.down:
            raise SourceUnavailable
        return self.keys.get(secret)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOW)


async def test_a_known_key_is_asked_for_once_a_minute(clock: ManualClock) -> None:
    table = Table(secret=KEY)
    keys = Keys(table, clock)
    for _ in range(3):
        assert (await keys.identify("secret", "1.1.1.1")).id == "key_1"
    assert table.asked == 1
    clock.advance(61)
    await keys.identify("secret", "1.1.1.1")
    assert table.asked == 2


async def test_no_key_and_an_unknown_key_are_401(clock: ManualClock) -> None:
    keys = Keys(Table(), clock)
    for secret in (None, "", "lgw_live_nobody"):
        with pytest.raises(Unauthorized):
            await keys.identify(secret, "1.1.1.1")


async def test_an_unknown_key_is_remembered_ten_seconds_only(clock: ManualClock) -> None:
    table = Table()
    keys = Keys(table, clock)
    with pytest.raises(Unauthorized):
        await keys.identify("late", "1.1.1.1")
    table.keys["late"] = KEY
    with pytest.raises(Unauthorized):
        await keys.identify("late", "1.1.1.1")
    clock.advance(11)
    assert (await keys.identify("late", "1.1.1.1")).id == "key_1"


async def test_a_new_billing_period_is_asked_for_at_its_first_request(clock: ManualClock) -> None:
    begins = clock.now() + timedelta(seconds=5)
    over = Quota(requests=1, period_start=clock.now(), period_end=begins)
    anew = Quota(requests=1, period_start=begins, period_end=begins + timedelta(days=30))
    table = Table(secret=replace(KEY, org=replace(KEY.org, quota=over)))
    keys = Keys(table, clock)
    await keys.identify("secret", "1.1.1.1")
    table.keys["secret"] = replace(KEY, org=replace(KEY.org, quota=anew))
    assert (await keys.identify("secret", "1.1.1.1")).org.quota == over
    clock.advance(5)
    assert (await keys.identify("secret", "1.1.1.1")).org.quota == anew
    table.down = True
    assert (await keys.identify("secret", "1.1.1.1")).org.quota == anew


async def test_postgresql_down_serves_known_keys_for_an_hour_and_refuses_unknown_ones_with_503(
    clock: ManualClock,
) -> None:
    table = Table(secret=KEY)
    keys = Keys(table, clock)
    await keys.identify("secret", "1.1.1.1")
    table.down = True
    clock.advance(3500)
    assert (await keys.identify("secret", "1.1.1.1")).id == "key_1"
    with pytest.raises(Unavailable):
        await keys.identify("unknown", "1.1.1.1")
    clock.advance(200)
    with pytest.raises(Unavailable):
        await keys.identify("secret", "1.1.1.1")


async def test_an_announcement_forgets_a_key_its_org_or_everything(clock: ManualClock) -> None:
    for change in (KeyChanged("key_1", None), KeyChanged(None, "org_1"), KeyChanged(None, None)):
        table = Table(secret=KEY)
        keys = Keys(table, clock)
        await keys.identify("secret", "1.1.1.1")
        del table.keys["secret"]
        keys.forget(KeyChanged("key_other", "org_other"))
        await keys.identify("secret", "1.1.1.1")
        keys.forget(change)
        with pytest.raises(Unauthorized):
            await keys.identify("secret", "1.1.1.1")


class _Overtaken(Table):
    """While an answer is on its way, the key is revoked and that is announced, so often."""

    announced = 0

    def __init__(self, times: int) -> None:
        super().__init__(secret=KEY)
        self.times = times
        self.keys_of: Keys | None = None

    async def key_snapshot(self, secret: str) -> KeySnapshot | None:
        found = await super().key_snapshot(secret)
        if self.keys_of is not None and self.announced < self.times:
            self.announced += 1
            self.keys[secret] = replace(KEY, revoked=True)
            self.keys_of.forget(KeyChanged("key_1", None))
        return found


@pytest.mark.parametrize("times", [1, 1_000])
async def test_what_is_announced_while_a_key_is_asked_for_holds_at_once(clock: ManualClock, times: int) -> None:
    table = _Overtaken(times)
    table.keys_of = keys = Keys(table, clock)
    with pytest.raises(Unauthorized, match="was revoked"):
        await keys.identify("secret", "1.1.1.1")
    assert table.asked <= 4, "changes of others, without a break, hold up nobody"


@pytest.mark.parametrize(
    ("snapshot", "address", "problem"),
    [
        (KeySnapshot(id="k", name="n", org=ORG, revoked=True), "1.1.1.1", Unauthorized),
        (KeySnapshot(id="k", name="n", org=ORG, expires_at=NOW - timedelta(seconds=1)), "1.1.1.1", Unauthorized),
        (
            KeySnapshot(id="k", name="n", org=OrgSnapshot(id="o", slug="s", plan="free", suspended=True)),
            "1.1.1.1",
            Forbidden,
        ),
        (KeySnapshot(id="k", name="n", org=ORG, networks=("10.0.0.0/8",)), "1.1.1.1", Forbidden),
        (KeySnapshot(id="k", name="n", org=ORG, networks=("10.0.0.0/8",)), "unknown", Forbidden),
        (KeySnapshot(id="k", name="n", org=ORG, networks=()), "10.0.0.1", Forbidden),
    ],
)
async def test_unusable_keys_are_refused(
    clock: ManualClock, snapshot: KeySnapshot, address: str, problem: type[Exception]
) -> None:
    with pytest.raises(problem):
        await Keys(Table(secret=snapshot), clock).identify("secret", address)


async def test_a_closed_organisation_is_called_so(clock: ManualClock) -> None:
    closed = KeySnapshot(id="k", name="n", org=OrgSnapshot(id="o", slug="s", plan="free", suspended=True))
    with pytest.raises(Forbidden) as refused:
        await Keys(Table(secret=closed), clock).identify("secret", "1.1.1.1")
    assert refused.value.code == "organisation_closed"


async def test_a_key_inside_its_networks_is_accepted(clock: ManualClock) -> None:
    key = KeySnapshot(id="k", name="n", org=ORG, networks=("10.0.0.0/8", "2001:db8::/32"))
    for address in ("10.1.2.3", "2001:db8::1"):
        assert (await Keys(Table(secret=key), clock).identify("secret", address)).id == "k"


async def test_sixty_401s_a_minute_per_address_then_429_and_valid_keys_are_not_affected(clock: ManualClock) -> None:
    keys = Keys(Table(secret=KEY), clock)
    for number in range(60):
        with pytest.raises(Unauthorized):
            await keys.identify(f"guess{number}", "6.6.6.6")
    with pytest.raises(TooMany) as refusal:
        await keys.identify("guess", "6.6.6.6")
    assert refusal.value.retry_after == 60
    with pytest.raises(Unauthorized):
        await keys.identify("guess", "7.7.7.7")
    assert (await keys.identify("secret", "6.6.6.6")).id == "key_1"
    clock.advance(60)
    with pytest.raises(Unauthorized):
        await keys.identify("guess", "6.6.6.6")
