"""The languages that callers speak: each reads a body into a Call and writes answers, streams and errors."""
