"""The house of first steps: what an empty installation needs."""
