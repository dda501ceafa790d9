"""Capacity planning: sizing, cost, quotas and simulation. Pure functions, no I/O."""
