"""Checks what commands need: this machine, the project, and the cloud with its permissions and quotas."""
