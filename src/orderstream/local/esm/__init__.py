"""Parts of the local event source mapping: its rules as pure functions, and the thin layers that do I/O."""
