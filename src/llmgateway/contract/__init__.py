"""Floor 2: all that crosses between the two wings, and nothing else."""
