"""Aliases, routes, and what an organisation forbids."""
