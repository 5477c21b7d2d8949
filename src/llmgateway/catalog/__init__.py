"""Floor 2: what models exist, what they can do and what they cost. Data with pure functions over it."""
