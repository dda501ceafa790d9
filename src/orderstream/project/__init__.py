"""A project: a folder with a user's order model and settings, which has an orderstream.toml."""
