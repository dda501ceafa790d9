"""What operators do: find, send, read."""
