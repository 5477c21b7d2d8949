"""The books: double entry, append only, and what is read from them. They know nothing of Stripe."""
