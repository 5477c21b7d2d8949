"""Floor 4: runs the control plane's table of jobs."""
