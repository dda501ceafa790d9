"""What all callers of the AWS SDK (botocore) share: retries, errors and a faster JSON codec."""
