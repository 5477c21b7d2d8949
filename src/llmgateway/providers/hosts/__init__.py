"""Hosts of OpenAI's wire: one declaration a provider, whose fields are its differences from OpenAI."""
