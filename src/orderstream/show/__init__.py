"""What people and programs see: data on standard output, everything else on standard error."""
