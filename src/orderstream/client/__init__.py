"""What shops import to send orders."""
