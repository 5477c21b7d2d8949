"""Floor 1: the common language, OpenAI's chat shape, typed. Dialects and providers both translate to it."""
