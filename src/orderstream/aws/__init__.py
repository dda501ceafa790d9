"""Access to AWS: clients, the deployed stack, metrics and alarms, time."""
