"""The order model and its rules: pure functions and values, no I/O."""
