"""WHETHER to pay, and what was paid: jobs, their identity and the loop that runs them."""
