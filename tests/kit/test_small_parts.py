"""Ids, money, clocks, addresses and server-sent events."""

import csv
import io
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from llmgateway.kit.addresses import is_inside, neighbourhood
from llmgateway.kit.clock import ManualClock, SystemClock
from llmgateway.kit.csv_text import csv_text
from llmgateway.kit.ids import id_time, id_uuid, is_id, new_id
from llmgateway.kit.money import nanos, parse_usd, usd
from llmgateway.kit.outage import Outage
from llmgateway.kit.sse import DONE, Frame, FrameTooLong, Splitter, comment, write
from llmgateway.kit.utc import begin_of, hour_of, midnight, up_to_hour, up_to_midnight


@given(st.datetimes(datetime(1970, 1, 1), datetime(9000, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001 -- hypothesis wants naive bounds
def test_an_id_carries_its_time_to_the_millisecond(moment: datetime) -> None:
    made = id_time(new_id("req", moment))
    assert made <= moment < made + timedelta(milliseconds=1)


def test_an_id_of_a_year_that_no_date_reaches_has_no_time() -> None:
    with pytest.raises(ValueError, match="not an id"):
        id_time("req_7" + "z" * 25)


def test_ids_are_uuids_of_version_7_and_sort_by_time() -> None:
    ids = [new_id("req", datetime(2026, 1, 1, second=second, tzinfo=UTC)) for second in range(30)]
    assert ids == sorted(ids)
    assert {(id_uuid(one).version, id_uuid(one).variant) for one in ids} == {(7, "specified in RFC 4122")}
    assert all(is_id(one, "req") and not is_id(one, "key") for one in ids)


@pytest.mark.parametrize(
    "text", ["", "req_", "req_01jd", "req_" + "u" * 26, "req_" + "8" + "0" * 25, "req_" + "0" * 27]
)
def test_what_is_no_id(text: str) -> None:
    assert not is_id(text, "req")
    with pytest.raises(ValueError, match="not an id"):
        id_time(text)


@pytest.mark.parametrize("amount", [0, 1, -1, 10**14, 2**53, 2**53 + 1, -(10**14) - 1, 9 * 10**15])
def test_dollars_and_nanos_are_one_to_one(amount: int) -> None:
    assert nanos(usd(amount)) == amount


@given(st.integers(-(10**20), 10**20))
def test_every_amount_survives_its_text(amount: int) -> None:
    assert nanos(usd(amount)) == amount
    assert Decimal(usd(amount)) * 10**9 == amount


@pytest.mark.parametrize(
    ("dollars", "expected"),
    [("0.0000000005", 0), ("0.0000000015", 2), ("0.00000000250001", 3), ("-0.0000000015", -2), (7, 7 * 10**9)],
)
def test_one_rounding_half_to_even(dollars: str | int, expected: int) -> None:
    assert nanos(dollars) == expected


@pytest.mark.parametrize(
    "text", ["", "much", "NaN", "Infinity", "-Infinity", "1e300000", "1e999999999", "9e99999999999999999999"]
)
def test_what_is_no_amount(text: str) -> None:
    with pytest.raises(ValueError, match="not an amount"):
        nanos(text)


@pytest.mark.parametrize(
    "text", ["1e3", "1.0000000001", "1_000", "\u0663", "+1", " 1", "1.", ".5", "1\n", "1" * 5_000, ""]
)
def test_what_is_no_plain_decimal_text(text: str) -> None:
    with pytest.raises(ValueError, match="plain decimal text"):
        parse_usd(text)


def test_plain_decimal_text_is_read_to_the_nano() -> None:
    assert [parse_usd(text) for text in ("12.345678901", "007", "-0.5")] == [12_345_678_901, 7 * 10**9, -5 * 10**8]


def test_csv_has_no_formula_and_numbers_stay_numbers() -> None:
    cells = ["=1+1", "-1+1", "@SUM", "-0.000570000", "-7", "-x", ["é", "-b"], {"c": 1}, None]
    rows = list(
        csv.reader(io.StringIO(csv_text([str(n) for n in range(9)], [dict(zip("012345678", cells, strict=True))])))
    )
    assert rows[1] == ["'=1+1", "'-1+1", "'@SUM", "-0.000570000", "-7", "'-x", '["é", "-b"]', '{"c": 1}', ""]


def test_clocks_tell_aware_utc() -> None:
    assert SystemClock().now().tzinfo is UTC
    assert SystemClock().monotonic() <= SystemClock().monotonic()
    clock = ManualClock(datetime(2026, 1, 1, tzinfo=UTC))
    clock.advance(1.5)
    assert (clock.now(), clock.monotonic()) == (datetime(2026, 1, 1, 0, 0, 1, 500_000, tzinfo=UTC), 1.5)


LINES = st.sampled_from(
    [b"data: a", b"data:b", b"data: ", b"data", b"event: ping", b": note", b"id: 7", b'data: {"x": 1}']
)
EVENTS = st.lists(st.lists(LINES, min_size=1, max_size=3), max_size=5)
ENDS = st.sampled_from([b"\n", b"\r\n", b"\r"])


def _cut(text: bytes, places: list[int]) -> list[bytes]:
    marks = [0, *sorted(place % (len(text) + 1) for place in places), len(text)]
    return [text[start:end] for start, end in pairwise(marks)]


def _said(frames: list[Frame]) -> list[tuple[bytes, bytes]]:
    return [(frame.event, frame.data) for frame in frames]


@given(events=EVENTS, end=ENDS, places=st.lists(st.integers(0, 10_000), max_size=12))
def test_frames_are_the_same_wherever_the_bytes_are_cut(
    events: list[list[bytes]], end: bytes, places: list[int]
) -> None:
    text = b"".join(end.join(lines) + end + end for lines in events)
    splitter = Splitter()
    frames = [frame for piece in _cut(text, places) for frame in splitter.feed(piece)] + splitter.close()
    expected = [
        (
            next((line[7:] for line in reversed(lines) if line.startswith(b"event: ")), b""),
            b"\n".join(line[5:].removeprefix(b" ") for line in lines if line.startswith(b"data")),
        )
        for lines in events
    ]
    assert _said(frames) == expected


@given(end=ENDS, places=st.lists(st.integers(0, 100), max_size=100))
def test_mixed_blank_lines_and_a_missing_end(end: bytes, places: list[int]) -> None:
    text = end + end + end + b"data: 1" + end * 4 + b"data: 2" + end + b"data: 3"
    splitter = Splitter()
    frames = [frame for piece in _cut(text, places) for frame in splitter.feed(piece)] + splitter.close()
    assert _said(frames) == [(b"", b"1"), (b"", b"2\n3")]


@given(events=EVENTS)
def test_with_line_feeds_the_raw_bytes_are_those_that_came(events: list[list[bytes]]) -> None:
    text = b"".join(b"\n".join(lines) + b"\n\n" for lines in events)
    assert b"".join(frame.raw for frame in Splitter().feed(text)) == text


@pytest.mark.parametrize(
    "rest", [b"data: [DONE]", b"data: [DONE]\n", b"data: [DONE]\r\n", b"<html>", b"event: delta\ndata: {"]
)
def test_what_is_written_behind_a_frame_that_was_cut_stands_apart(rest: bytes) -> None:
    splitter = Splitter()
    assert splitter.feed(rest) == []
    (last,) = splitter.close()
    assert _said(Splitter().feed(last.raw + write(b"{}")))[-1] == (b"", b"{}")


def test_what_is_written_is_read() -> None:
    assert _said(Splitter().feed(write(b"{}") + comment(b"still here") + write(b"{}", b"ping") + DONE)) == [
        (b"", b"{}"),
        (b"", b""),
        (b"ping", b"{}"),
        (b"", b"[DONE]"),
    ]


def test_an_event_without_end_is_refused() -> None:
    with pytest.raises(FrameTooLong):
        Splitter().feed(b"data: " + b"x" * (16 * 1024 * 1024))


@pytest.mark.parametrize(
    ("address", "place"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("unknown", "unknown"),
    ],
)
def test_who_has_one_ipv6_address_is_counted_as_the_64_around_it(address: str, place: str) -> None:
    assert neighbourhood(address) == place


def test_ranges_know_ipv4_addresses_in_ipv6_ones() -> None:
    assert is_inside("::ffff:203.0.113.9", ("203.0.113.0/24",))
    assert is_inside("2001:db8::1", ("10.0.0.0/8", "2001:db8::/32"))
    assert not is_inside("203.0.114.9", ("203.0.113.0/24",))
    assert not is_inside("unknown", ("0.0.0.0/0", "::/0"))


def test_an_outage_is_told_when_it_begins_and_when_it_ends_and_not_between() -> None:
    outage = Outage("it is away", "it is back", store="redis")
    with capture_logs() as logs:
        outage.is_over()
        for error in (OSError("refused"), TimeoutError(), OSError("refused")):
            outage.goes_on(error)
        outage.is_over()
        outage.is_over()
        outage.goes_on(TimeoutError())
    about = [(line["event"], line["log_level"], line.get("reason"), line["store"]) for line in logs]
    assert about == [
        ("it is away", "warning", "refused", "redis"),
        ("it is back", "info", None, "redis"),
        ("it is away", "warning", "TimeoutError", "redis"),
    ]


@pytest.mark.parametrize(("end", "waits"), [(b"\n", 0), (b"\r\n", 0), (b"\r", 1)])
def test_a_frame_comes_with_the_byte_that_ends_it(end: bytes, waits: int) -> None:
    """But a CR may be half of a CRLF."""
    first, splitter = b"data: 1" + end * 2, Splitter()
    came = [place for place, byte in enumerate(first + first) if splitter.feed(bytes([byte]))]
    assert came[0] == len(first) - 1 + waits


def test_an_event_without_end_is_refused_in_pieces_too() -> None:
    splitter = Splitter()
    for _ in range(16):
        splitter.feed(b"x" * (1 << 20))
    with pytest.raises(FrameTooLong):
        splitter.feed(b"x")


def test_hours_and_days_are_those_of_utc_in_any_zone() -> None:
    here = timezone(timedelta(hours=5, minutes=45))
    moment = datetime(2026, 3, 2, 4, 50, 10, tzinfo=here)  # 23:05:10 of the day before
    assert (hour_of(moment), up_to_hour(moment)) == (
        datetime(2026, 3, 1, 23, tzinfo=UTC),
        datetime(2026, 3, 2, tzinfo=UTC),
    )
    assert (midnight(moment), up_to_midnight(moment)) == (begin_of(date(2026, 3, 1)), begin_of(date(2026, 3, 2)))
    assert (
        up_to_hour(begin_of(date(2026, 3, 1)))
        == up_to_midnight(begin_of(date(2026, 3, 1)))
        == begin_of(date(2026, 3, 1))
    )
