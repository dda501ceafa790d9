"""A scheduled Lambda function that measures how long events wait for orders, and orders for events."""
