"""The canary: a Lambda function that sends an order and waits until it is stored."""
