"""llmgateway: one key, every model."""
