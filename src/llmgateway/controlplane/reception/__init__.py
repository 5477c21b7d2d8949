"""What every house needs at its door: who asks, what they may, how it is answered."""
