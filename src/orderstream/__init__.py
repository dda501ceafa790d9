"""Real-time order processing on AWS: Kinesis, Lambda, DynamoDB and S3, the same on a laptop."""

__version__ = "0.1.0"
