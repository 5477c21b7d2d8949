"""Floor 3, left wing: serves tokens. File names are the steps of a request; no database here."""
