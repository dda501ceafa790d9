"""The canary: a scheduled Lambda function that sends an order and waits until it is stored."""
