"""Cohere's v2 API."""
