"""The HTTP face: one application, the same on Lambda behind an HTTP API and on the laptop."""
