"""Money as integer nano-dollars (1e-9 USD). No float comes near it."""

import re
from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation
from typing import Final

NANOS_PER_USD: Final = 1_000_000_000
_MOST_DIGITS: Final = 15
"""Digits before the point. The limit comes first, or `1e999999999` would be written out in full."""
_PLAIN: Final = re.compile(rf"-?[0-9]{{1,{_MOST_DIGITS}}}(?:\.[0-9]{{1,9}})?")


def nanos(usd: Decimal | str | int) -> int:
    """Dollars as nano-dollars, rounded half to even. Raises ValueError for what is not a number, or absurdly large."""
    try:
        amount = Decimal(usd)
    except InvalidOperation as error:
        raise ValueError("not an amount of dollars") from error
    if not amount.is_finite() or amount.adjusted() >= _MOST_DIGITS:
        raise ValueError("not an amount of dollars")
    return int((amount * NANOS_PER_USD).to_integral_value(rounding=ROUND_HALF_EVEN))


def parse_usd(text: str) -> int:
    """Nano-dollars from decimal text such as `12.50`. Raises ValueError for anything else, and for more than nine decimals."""
    if _PLAIN.fullmatch(text) is None:
        raise ValueError("must be dollars as plain decimal text with at most 9 digits behind the point, such as 12.50")
    return nanos(text)


def usd(amount_nanos: int) -> str:
    """Nano-dollars as a decimal string of dollars with all nine digits: `0.000012345`."""
    sign = "-" if amount_nanos < 0 else ""
    whole, fraction = divmod(abs(amount_nanos), NANOS_PER_USD)
    return f"{sign}{whole}.{fraction:09d}"


def usd_or_none(amount_nanos: int | None) -> str | None:
    """As `usd`; None stays None, which is an amount that nobody knows."""
    return None if amount_nanos is None else usd(amount_nanos)


def dollars(amount_nanos: int) -> str:
    """Nano-dollars (0 or more) for people: `1,234.50`, with as many decimals as are not zero, but two at least."""
    whole, _, fraction = usd(max(amount_nanos, 0)).partition(".")
    return f"{int(whole):,}.{fraction.rstrip('0').ljust(2, '0')}"
