"""The status of a stack: `collector` reads the metrics and `health` evaluates them."""
