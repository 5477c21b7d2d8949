"""Those who only look on: figures and traces. None may stop a request, none knows what was said."""
