"""Money as integer nano-dollars (1e-9 USD). No float comes near it."""

from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation

NANOS_PER_USD = 1_000_000_000


def nanos(usd: Decimal | str | int) -> int:
    """Dollars as nano-dollars, rounded once, half to even. Raises ValueError for what is no finite number."""
    try:
        amount = Decimal(usd) * NANOS_PER_USD
        return int(amount.to_integral_value(rounding=ROUND_HALF_EVEN))
    except (InvalidOperation, OverflowError, ValueError) as error:
        raise ValueError(f"not an amount of dollars: {usd!r}") from error


def usd(amount_nanos: int) -> str:
    """Nano-dollars as a decimal string of dollars with all nine digits: `0.000012345`."""
    sign = "-" if amount_nanos < 0 else ""
    whole, fraction = divmod(abs(amount_nanos), NANOS_PER_USD)
    return f"{sign}{whole}.{fraction:09d}"
