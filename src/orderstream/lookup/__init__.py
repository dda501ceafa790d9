"""Look up what happened to an order, and the most recent orders."""
