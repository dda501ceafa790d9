"""The function that the simulation runs: the real one, and broken ones which it must find out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from orderstream.domain.expansion import RECORD_BYTES
from orderstream.pipeline.lambda_handler import handle_with
from orderstream.pipeline.services import Services
from orderstream.pipeline.settings import Settings
from orderstream.testing.fakes import FakeDynamo, FakeStore
from orderstream.testing.pipeline import services_on

Sleep = Callable[[float], None]


def real_services(layout: str, dynamo: FakeDynamo, store: FakeStore, sleep: Sleep) -> Services:
    """As `orderstream.pipeline.services` puts them together, on fakes."""
    settings = Settings("Orders", "bucket", "orderstream", layout, events_table="OrderEvents")
    return services_on(settings, dynamo, store, sleep)


def real_handle(use: Services, event: dict[str, Any], context: Any) -> dict[str, Any]:
    return handle_with(use, event, context, cold=False)


# A dozen records of the simulation: some batches are one slice, others are several.
SLICE_BYTES = 12 * (RECORD_BYTES + 80)


def handle_in_slices(use: Services, event: dict[str, Any], context: Any) -> dict[str, Any]:
    return handle_with(use, event, context, cold=False, slice_bytes=SLICE_BYTES)


@dataclass(frozen=True)
class Pipeline:
    """A function: what it is made of, and how it is called."""

    services: Callable[[str, FakeDynamo, FakeStore, Sleep], Services] = real_services
    handle: Callable[[Services, dict[str, Any], Any], dict[str, Any]] = real_handle


REAL = Pipeline()
IN_SLICES = Pipeline(handle=handle_in_slices)
