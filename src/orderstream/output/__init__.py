"""Output of the commands: data on standard output, everything else on standard error."""
