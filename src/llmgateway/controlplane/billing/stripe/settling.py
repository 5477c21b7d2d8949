"""What settles invoices beside payments: the balance that Stripe holds for a customer, credit notes, and which payment was for what."""

from collections.abc import Sequence

import stripe

from llmgateway.controlplane.billing.stripe.asking import PAGE, every, told
from llmgateway.controlplane.billing.stripe.papers import BalanceMove, CreditNote
from llmgateway.controlplane.billing.stripe.reading import read_balance_move, read_credit_note


class Settling:
    """Questions alone: https://docs.stripe.com/billing/customer/balance, https://docs.stripe.com/invoicing/credit-notes."""

    def __init__(self, client: stripe.StripeClient) -> None:
        self._v1 = client.v1

    async def balance_moves(self, customer: str) -> Sequence[BalanceMove]:
        """All that ever changed a customer's balance in USD, oldest first; none of one that is gone."""
        with told():
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
        with told():
            return read_credit_note(await self._v1.credit_notes.retrieve_async(credit_note))

    async def credit_notes(self, invoice: str) -> Sequence[CreditNote]:
        """Those of an invoice."""
        with told():
            found = await self._v1.credit_notes.list_async({"invoice": invoice, "limit": PAGE})
            return [read_credit_note(entry) for entry in await every(found)]

    async def invoice_paid_by(self, payment: str) -> str | None:
        """What a payment was for; None is no invoice."""
        with told():
            found = await self._v1.invoice_payments.list_async(
                {"payment": {"type": "payment_intent", "payment_intent": payment}, "limit": 1}
            )
            return next((one.invoice if isinstance(one.invoice, str) else one.invoice.id for one in found.data), None)
