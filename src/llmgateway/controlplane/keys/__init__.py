"""The house of API keys: made, shown once, listed, revoked."""
