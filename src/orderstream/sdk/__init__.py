"""What all callers of AWS share: retries, errors, a faster JSON codec, and a thin client for the function."""
