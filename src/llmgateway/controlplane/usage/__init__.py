"""The house of usage: events come in, and are looked at."""
