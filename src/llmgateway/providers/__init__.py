"""Floor 2: the providers, as declarations and pure translation. No I/O, no database, no framework."""
