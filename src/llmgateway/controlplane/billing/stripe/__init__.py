"""Stripe in our words: what we ask it, and what its answers mean to us."""
