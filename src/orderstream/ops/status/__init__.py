"""Health at a glance: `look` asks CloudWatch and AWS, `health` makes a status of what they answer."""
