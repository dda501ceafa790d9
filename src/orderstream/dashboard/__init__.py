"""The web dashboard: a stack's status, orders and quarantine, in a browser on this machine."""
