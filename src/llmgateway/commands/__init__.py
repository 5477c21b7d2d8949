"""Floor 4: the commands of the command line, one file a subject. `cli.py` gathers them."""
