"""An order's page reads one item and one object, and searches nothing."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

import msgspec

from orderstream.dashboard.order_page import stored_order
from orderstream.dashboard.viewer import Viewer
from tests.unit.lookup.archived_orders import ArchivedOrders, ago, order


def viewer_of(archive: ArchivedOrders) -> Viewer:
    return cast(Viewer, SimpleNamespace(feed=SimpleNamespace(deployment=archive.deployment)))


def test_an_order_is_read_from_its_own_object_alone() -> None:
    archive = ArchivedOrders()
    for minute in range(1, 20):
        archive.batch(ago(minute), (ago(minute), order(str(minute))))
    key = [*archive.objects][6]
    archive.store("shardId-000000000000:7", "7", ArchiveKey=key, ReceivedAt="2026-11-22T18:23:00.000000Z")
    found = stored_order(viewer_of(archive), "7")
    assert found is not None and found.data == msgspec.json.encode(order("7"))
    assert archive.reads == [key] and archive.lists == []


def test_an_order_that_is_not_there_reads_nothing() -> None:
    archive = ArchivedOrders()
    assert stored_order(viewer_of(archive), "x") is None
    assert archive.reads == archive.lists == []


def test_bytes_that_the_archive_lost_are_none() -> None:
    archive = ArchivedOrders()
    archive.batch(ago(1), (ago(1), order("1")))
    ((key, _),) = archive.objects.items()
    archive.store("shardId-000000000000:9", "9", ArchiveKey=key, ReceivedAt="2026-11-22T18:23:00.000000Z")
    found = stored_order(viewer_of(archive), "9")
    assert found is not None and found.data is None
