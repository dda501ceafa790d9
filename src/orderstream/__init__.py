"""Real-time order processing on AWS: Kinesis, Lambda, DynamoDB and S3, and the same on your machine."""

__version__ = "0.1.0"
