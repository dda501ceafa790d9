"""What runs in Lambda: decode, archive, insert, report. Ships with `domain` and nothing else."""
