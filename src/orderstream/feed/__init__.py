"""The change feed: each change of an order as a CloudEvent on a second stream."""
