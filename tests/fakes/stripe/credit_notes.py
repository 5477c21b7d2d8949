"""Credit notes, as an operator issues them in Stripe's dashboard."""

from tests.fakes.stripe.account import Account, Json


def issue(account: Account, invoice: str, cents: int, *, tax: int = 0, way: str = "balance") -> Json:
    """An invoice is less by so much: first what is not paid of it, and of the rest the money goes back a `way`.

    `balance`, `refund`, or `elsewhere`.
    """
    about = account.things["invoice"][invoice]
    unpaid = min(cents, about["amount_remaining"])
    back = cents - unpaid
    note = account.add(
        "credit_note",
        "cn",
        number=f"{about['number']}-CN-{account.made:02d}",
        invoice=invoice,
        customer=about["customer"],
        currency="usd",
        status="issued",
        amount=cents,
        total=cents,
        pre_payment_amount=unpaid,
        post_payment_amount=back,
        out_of_band_amount=back if way == "elsewhere" else 0,
        total_taxes=[{"amount": tax}] if tax else [],
    )
    about["amount_due"] -= unpaid
    about["amount_remaining"] -= unpaid
    if unpaid and not about["amount_remaining"]:
        about["status"] = "paid"
    if back and way == "balance":
        account.move_balance(about["customer"], -back, "credit_note", invoice=invoice, credit_note=note["id"])
    elif back and way == "refund":
        paid = account.all("invoice_payment", invoice=invoice)[0]
        account.refund(paid["payment"]["payment_intent"], back)
    account.tell("credit_note.created", note)
    account.tell("invoice.updated", about)
    return note


def void(account: Account, note: Json) -> None:
    """Of an invoice that is open: it is owed again."""
    about = account.things["invoice"][note["invoice"]]
    note["status"] = "void"
    about["amount_due"] += note["pre_payment_amount"]
    about["amount_remaining"] += note["pre_payment_amount"]
    account.tell("credit_note.voided", note)
