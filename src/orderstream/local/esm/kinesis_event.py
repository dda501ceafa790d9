"""Moved."""

from orderstream.ops.kinesis_event import Origin, Record, entry, event_of, event_size

__all__ = ["Origin", "Record", "entry", "event_of", "event_size"]
