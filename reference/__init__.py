"""The parts of the documentation that are generated from the code. `python -m reference` writes them."""

from pathlib import Path

# The checkout.
PROJECT = Path(__file__).resolve().parents[1]
