"""Reads what settles invoices beside payments: balance transactions of a customer, credit notes, and which invoice a payment was for."""

from collections.abc import Sequence

import stripe

from llmgateway.controlplane.billing.stripe.errors import PAGE, every, translated_errors
from llmgateway.controlplane.billing.stripe.objects import BalanceMove, CreditNote
from llmgateway.controlplane.billing.stripe.reading import read_balance_move, read_credit_note


class Settlements:
    """Read-only calls: https://docs.stripe.com/billing/customer/balance, https://docs.stripe.com/invoicing/credit-notes."""

    def __init__(self, client: stripe.StripeClient) -> None:
        self._v1 = client.v1

    async def balance_moves(self, customer: str) -> Sequence[BalanceMove]:
        """All transactions of a customer's balance in USD, oldest first; none of a customer that was deleted."""
        with translated_errors():
            try:
                page = await self._v1.customers.balance_transactions.list_async(customer, {"limit": PAGE})
            except stripe.InvalidRequestError as error:
                if error.code == "resource_missing":
                    return ()
                raise
            moves = reversed(await every(page))
            return [read_balance_move(entry) for entry in moves if entry.currency == "usd"]

    async def credit_note(self, credit_note: str) -> CreditNote:
        """One credit note."""
        with translated_errors():
            return read_credit_note(await self._v1.credit_notes.retrieve_async(credit_note))

    async def credit_notes(self, invoice: str) -> Sequence[CreditNote]:
        """The credit notes of an invoice."""
        with translated_errors():
            found = await self._v1.credit_notes.list_async({"invoice": invoice, "limit": PAGE})
            return [read_credit_note(entry) for entry in await every(found)]

    async def invoice_paid_by(self, payment: str) -> str | None:
        """The invoice that a payment was for; None for another payment."""
        with translated_errors():
            found = await self._v1.invoice_payments.list_async(
                {"payment": {"type": "payment_intent", "payment_intent": payment}, "limit": 1}
            )
            return next((one.invoice if isinstance(one.invoice, str) else one.invoice.id for one in found.data), None)
