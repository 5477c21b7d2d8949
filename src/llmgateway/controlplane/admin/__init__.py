"""The house of operators: what they see of all organisations and change in them; never the contents of requests."""
