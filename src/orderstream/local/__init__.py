"""The local cloud: AWS emulated on one port of this machine. Never deployed to AWS."""
