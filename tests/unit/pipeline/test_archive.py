"""The bytes of an item are read back from the archive, or the item is left out."""

from datetime import UTC, datetime

from orderstream.domain.decode import decode
from orderstream.pipeline.archive import BatchArchive, read_originals
from orderstream.pipeline.records import Record
from orderstream.testing.fakes import FakeStore


def test_an_item_without_an_event_is_left_out_and_no_other_with_it() -> None:
    store, data = FakeStore(), b'{"order_id": "A", "customer_id": "c", "amount": 1}'
    record = Record("shard:1", "shard", "1", "key", datetime(2026, 11, 22, tzinfo=UTC), data)
    (archived,) = BatchArchive(store, map).write([record], [decode(data)]).values()
    whole = {"OrderID": "A", "ArchiveKey": archived.key, "EventID": "shard:1"}
    foreign = {"OrderID": "B", "ArchiveKey": archived.key}
    assert read_originals(store, [whole, foreign], map) == {"A": data}
