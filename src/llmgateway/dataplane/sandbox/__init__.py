"""The built-in model behind `sandbox/chat` and every test key: a provider that lives in this process."""
