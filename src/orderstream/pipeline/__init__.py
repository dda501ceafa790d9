"""The Lambda function: decode, archive, insert, report. Deployed with `domain` and nothing else."""
