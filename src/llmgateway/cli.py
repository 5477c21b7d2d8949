"""The command line: gathers the commands and turns what stops them into one sentence."""
