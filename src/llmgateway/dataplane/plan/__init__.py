"""plan: a model's name becomes the targets that can serve it, in order, each with its reason. Pure."""
