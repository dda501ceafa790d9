"""Alarms of the local cloud: evaluates the template's alarms by CloudWatch's rules."""
