"""Clients that applications use, unchanged but for base URL and key, against a gateway in front of a third party's stand-in."""
