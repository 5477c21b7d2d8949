"""Calls of the `stripe` package: its errors as ours, idempotency keys, and lists read to their end."""

from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager
from typing import Final, TypeVar

import stripe

PAGE: Final = 100
"""The most that a list gives at once: https://docs.stripe.com/api/pagination."""

_MOST_FAILED: Final = 20
"""How often something is asked for under another key because Stripe repeats that it failed before."""

_One = TypeVar("_One", bound=stripe.StripeObject)


class StripeUnavailable(Exception):
    """Stripe does not answer, or does not accept our key; the same call may work later."""


class StripeRefused(Exception):
    """Stripe refuses what was asked; asking again does not help."""


def check_usd(identifier: str, currency: str) -> None:
    """Raises StripeRefused for money in another currency than USD, which all our books are in."""
    if currency != "usd":
        raise StripeRefused(f"{identifier} is in {currency.upper()}; the books are in USD alone.")


async def once(key: str, make: Callable[[stripe.RequestOptions], Awaitable[_One]]) -> _One:
    """What is asked for with the same key is made once.

    What failed under a key fails under it for a day, whatever was mended (https://docs.stripe.com/api/idempotent_requests):
    then the next key is used.
    """
    failed = 0
    while True:
        try:
            return await make({"idempotency_key": f"{key}-{failed}" if failed else key})
        except stripe.StripeError as error:
            failed += 1
            if failed > _MOST_FAILED or (error.headers or {}).get("idempotent-replayed") != "true":
                raise


async def every(first: stripe.ListObject[_One]) -> list[_One]:
    """All entries of a list, of which `first` is the first page."""
    return [one async for one in first.auto_paging_iter()]


@contextmanager
def translated_errors() -> Generator[None]:
    """Raise StripeUnavailable and StripeRefused for the package's errors, and StripeRefused for an answer that cannot be read."""
    try:
        yield
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise StripeRefused(f"Stripe answered with something that cannot be read ({error}).") from error
    except stripe.IdempotencyError as error:
        raise StripeRefused("somebody asked for something else at the same moment. Try again.") from error
    except (stripe.InvalidRequestError, stripe.CardError) as error:
        raise StripeRefused(error.user_message or str(error)) from error
    except stripe.APIConnectionError as error:  # whose words are of several lines, and for programmers
        raise StripeUnavailable("It cannot be reached.") from error
    except stripe.StripeError as error:
        raise StripeUnavailable(error.user_message or str(error)) from error
