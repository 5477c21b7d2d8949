"""Google's Vertex AI: Gemini and Claude under one account."""
