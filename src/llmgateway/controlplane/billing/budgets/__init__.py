"""Budgets: what was spent of each, and mails when one is nearly used."""
