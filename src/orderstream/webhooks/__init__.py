"""Webhooks: sends the changes of orders to HTTP endpoints, signed, in order, with three days of retries."""
