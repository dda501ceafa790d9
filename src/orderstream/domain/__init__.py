"""What an order is: pure values and rules, no input or output."""
