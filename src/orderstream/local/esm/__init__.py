"""The parts of the laptop's event source mapping: its rules as pure functions, and their small shells."""
