"""The totals: orders and money by minute, customer, currency and status, each order counted exactly once."""
