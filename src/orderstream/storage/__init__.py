"""What the pipeline has stored: S3 objects, archived lines, items, records of the stream."""
