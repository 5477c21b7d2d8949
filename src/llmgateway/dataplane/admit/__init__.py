"""admit: what a request may use and must not say, held before anything is asked."""
