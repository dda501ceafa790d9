"""Move the orders of a pipeline that was made by hand into a stack, and compare both."""
