"""lookup: answers that the organisation already has."""
