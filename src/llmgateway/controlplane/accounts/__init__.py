"""The house of accounts: people and their passwords."""
