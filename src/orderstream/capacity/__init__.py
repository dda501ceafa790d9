"""Capacity planning: sizing, cost, quotas and simulation. Pure."""
