"""The laptop cloud: AWS on one port of this machine. Never ships to AWS."""
