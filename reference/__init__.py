"""The parts of the documentation that are generated from the code. `python -m reference` writes them."""
