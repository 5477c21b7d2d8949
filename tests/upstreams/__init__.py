"""Small real servers that stand in for providers in tests, and misbehave on request."""
