"""The laptop's alarms: what CloudWatch does with the alarms of a template, done by its rules."""
