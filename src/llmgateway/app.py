"""Floor 4: builds the rooms and mounts the wings."""
