"""dispatch: the plan's targets are asked until one answers. The only provider I/O on a request's path."""
