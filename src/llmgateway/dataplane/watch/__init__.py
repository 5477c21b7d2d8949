"""watch: the answer goes to the caller, is counted, priced and settled, once."""
