"""Billing: the ledger, and Stripe as the way money comes in."""
