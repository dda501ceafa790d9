"""Test orders in memory: the real function on fakes of AWS, with a simulated event source."""

from orderstream.testing.event_source import Clock
from orderstream.testing.fakes import FakeDynamo, FakeStore
from orderstream.testing.pipeline import Pipeline

__all__ = ["Clock", "FakeDynamo", "FakeStore", "Pipeline"]
