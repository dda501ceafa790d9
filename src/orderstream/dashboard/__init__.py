"""The web dashboard: status, orders and quarantine of a stack, in a browser on this machine."""
