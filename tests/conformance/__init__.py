"""The gateway held against recorded traffic of real providers."""
