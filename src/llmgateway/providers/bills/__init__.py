"""What providers say that was used and what it cost: their own exports, one reader a provider."""
