"""The live page: what a stack is doing, orders and quarantine, in a browser on this machine."""
