"""Requests as Stripe reads them: nested forms, held against the types of the `stripe` package."""

import sys
import types
import typing
from collections.abc import Mapping
from typing import Any, Literal, Union, cast
from urllib.parse import parse_qsl

import stripe.params.billing_portal as portal
from stripe import params
from stripe._request_options import RequestOptions
from stripe.params import billing, checkout
from typing_extensions import is_typeddict

Form = dict[str, Any]

SHAPES: Mapping[tuple[str, str], Any] = {
    ("POST", "customers"): params.CustomerCreateParams,
    ("GET", "customers/{id}"): params.CustomerRetrieveParams,
    ("POST", "customers/{id}"): params.CustomerUpdateParams,
    ("GET", "customers/{id}/balance_transactions"): params.CustomerBalanceTransactionListParams,
    ("POST", "prices"): params.PriceCreateParams,
    ("GET", "prices"): params.PriceListParams,
    ("POST", "billing/meters"): billing.MeterCreateParams,
    ("POST", "billing/meter_events"): billing.MeterEventCreateParams,
    ("POST", "checkout/sessions"): checkout.SessionCreateParams,
    ("GET", "checkout/sessions"): checkout.SessionListParams,
    ("POST", "checkout/sessions/{id}/expire"): checkout.SessionExpireParams,
    ("POST", "billing_portal/sessions"): portal.SessionCreateParams,
    ("GET", "subscriptions"): params.SubscriptionListParams,
    ("GET", "subscriptions/{id}"): params.SubscriptionRetrieveParams,
    ("POST", "subscriptions/{id}"): params.SubscriptionUpdateParams,
    ("DELETE", "subscriptions/{id}"): params.SubscriptionCancelParams,
    ("POST", "subscription_schedules"): params.SubscriptionScheduleCreateParams,
    ("POST", "subscription_schedules/{id}"): params.SubscriptionScheduleUpdateParams,
    ("POST", "subscription_schedules/{id}/release"): params.SubscriptionScheduleReleaseParams,
    ("GET", "invoices"): params.InvoiceListParams,
    ("POST", "invoices/create_preview"): params.InvoiceCreatePreviewParams,
    ("GET", "invoices/{id}"): params.InvoiceRetrieveParams,
    ("GET", "invoices/{id}/lines"): params.InvoiceLineItemListParams,
    ("GET", "invoice_payments"): params.InvoicePaymentListParams,
    ("GET", "credit_notes"): params.CreditNoteListParams,
    ("GET", "credit_notes/{id}"): params.CreditNoteRetrieveParams,
    ("GET", "payment_intents/{id}"): params.PaymentIntentRetrieveParams,
    ("GET", "refunds"): params.RefundListParams,
    ("GET", "refunds/{id}"): params.RefundRetrieveParams,
    ("GET", "disputes/{id}"): params.DisputeRetrieveParams,
    ("GET", "events"): params.EventListParams,
}
"""What is asked of the fake, and what it must look like."""

_NAMES = {"StripeContext": str, "UntypedStripeObject": dict, "Decimal": str}


class Wrong(Exception):
    """What Stripe would refuse; `param` is where."""

    def __init__(self, message: str, param: str) -> None:
        super().__init__(message)
        self.param = param


def decode(text: str) -> Form:
    """`a[b][0][c]=1` as {"a": {"b": [{"c": "1"}]}}."""
    form: Form = {}
    for name, value in parse_qsl(text, keep_blank_values=True):
        head, *rest = name.replace("]", "").split("[")
        place = form
        steps = [head, *rest]
        for step in steps[:-1]:
            place = place.setdefault(step, {})
        place[steps[-1]] = value
    return cast("Form", _lists(form))


def check(shape: Any, form: Mapping[str, Any], where: str = "") -> None:
    """Every required field is there, none is unknown, each is of its type. Raises Wrong."""
    hints = _hints(shape)
    for name in shape.__required_keys__:
        if name in hints and name not in form:
            raise Wrong(f"Missing required param: {where}{name}.", f"{where}{name}")
    for name, value in form.items():
        if name not in hints:
            raise Wrong(f"Received unknown parameter: {where}{name}", f"{where}{name}")
        _check_value(hints[name], value, f"{where}{name}")


def _hints(shape: Any) -> dict[str, Any]:
    """The fields that are a request's own; what the package itself is told goes into headers."""
    own = {name: hint for name, hint in shape.__annotations__.items() if name not in RequestOptions.__annotations__}
    bare = type("Bare", (), {"__annotations__": own, "__module__": shape.__module__})
    return typing.get_type_hints(bare, vars(sys.modules[shape.__module__]), _NAMES)


def _check_value(hint: Any, value: Any, where: str) -> None:
    if not _fits(hint, value, where):
        raise Wrong(f"Invalid value for {where}: {value!r}", where)


def _fits(hint: Any, value: Any, where: str) -> bool:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in {Union, types.UnionType}:
        return _fits_any(arguments, value, where)
    if is_typeddict(hint):
        if isinstance(value, dict):
            check(hint, cast("Form", value), f"{where}.")
        return isinstance(value, dict)
    if origin is list:
        entries = cast("list[Any]", value) if isinstance(value, list) else []
        return isinstance(value, list) and all(_fits(arguments[0], entry, where) for entry in entries)
    if origin is Literal:
        return value in arguments
    if hint is dict or origin is dict:
        return isinstance(value, dict) or value == ""
    return _fits_plain(hint, value)


def _fits_any(arguments: tuple[Any, ...], value: Any, where: str) -> bool:
    # A literal beside `str` is Stripe's way to leave room for values to come; here only the known ones are right.
    known = [hint for hint in arguments if typing.get_origin(hint) is Literal]
    if known and isinstance(value, str):
        return any(value in typing.get_args(hint) for hint in known) or (int in arguments and value.isdigit())
    deep = [hint for hint in arguments if is_typeddict(hint)]
    if len(deep) == 1 and isinstance(value, dict):
        return _fits(deep[0], value, where)
    return any(_fits(hint, value, where) for hint in arguments)


def _fits_plain(hint: Any, value: Any) -> bool:
    if not isinstance(value, str):
        return hint in {Any, object}
    if hint is int:
        return value.lstrip("-").isdigit()
    if hint is bool:
        return value in {"true", "false"}
    return True


def _lists(value: Any) -> Any:
    """Dictionaries whose names count from 0 are lists."""
    if not isinstance(value, dict):
        return value
    found = {name: _lists(inner) for name, inner in cast("Form", value).items()}
    if found and all(name.isdigit() for name in found):
        return [found[name] for name in sorted(found, key=int)]
    return found
