"""Send orders from files, generated samples or TPC-H."""
