"""What the pipeline has stored: objects of the bucket, archived lines, items, records of the stream."""
