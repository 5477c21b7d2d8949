"""Floor 3, left wing: serves tokens. pipeline.py is the page; a step is a file or a folder. No database here."""
