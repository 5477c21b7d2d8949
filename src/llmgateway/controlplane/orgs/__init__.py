"""The house of organisations: tenants and who is in them."""
