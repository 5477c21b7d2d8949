"""What charges usage: by the hour, beyond a plan, and once its price is known; and what Stripe is told of it."""
