"""What happens at Stripe, into the books: webhooks come in as hints, and Stripe is asked for what holds now."""
