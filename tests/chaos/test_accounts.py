"""The accounts of the scenarios can fail: each kind of loss and doubling is seen."""

from __future__ import annotations

import json
from decimal import Decimal

from orderstream.ingest.samples import Sample
from tests.chaos.accounts import Item, Version, double, lost
from tests.chaos.environment import Sent

_FIRST = b'{"order_id": "A-1", "customer_id": "12345", "amount": 250.00}'
_OTHER = b'{"order_id": "A-1", "customer_id": "12345", "amount": 250.00, "note": "changed"}'
_BAD = b"not JSON at all"


def sent(data: bytes, number: int | None) -> Sent:
    """A record that Kinesis acknowledged with this sequence number; None if it did not."""
    sample = Sample("bad" if data == _BAD else "order", data, "12345")
    return Sent(sample, "shard", str(number)) if number else Sent(sample, None, None)


def stored(data: bytes, **changed: object) -> dict[str, Item]:
    """A table with the item of these bytes, some of its attributes changed."""
    version = Version.of_sample(Sample("order", data, "12345"))
    assert version
    item = {
        "OrderID": version.order_id,
        "CustomerID": version.customer,
        "OrderAmount": version.amount,
        "Fingerprint": version.fingerprint,
    } | changed
    return {str(item["OrderID"]): item}


def test_an_item_its_repeat_a_conflict_and_a_bad_record_are_neither_lost_nor_double() -> None:
    records = [sent(_FIRST, 1), sent(_FIRST, 2), sent(_OTHER, 3), sent(_BAD, 4)]
    quarantined = {"shard:3", "shard:4"}
    assert list(lost(records, stored(_FIRST), quarantined)) == []
    assert list(double(records, stored(_FIRST), quarantined)) == []


def test_an_order_without_an_item_is_lost_even_if_it_is_in_quarantine() -> None:
    assert list(lost([sent(_FIRST, 1)], {}, set())) == ["shard:1 (order)"]
    assert list(lost([sent(_FIRST, 1)], {}, {"shard:1"})) == ["shard:1 (order)"]


def test_a_conflict_or_a_bad_record_that_is_not_in_quarantine_is_lost() -> None:
    records = [sent(_FIRST, 1), sent(_OTHER, 2), sent(_BAD, 3)]
    assert list(lost(records, stored(_FIRST), set())) == ["shard:2 (order)", "shard:3 (bad)"]


def test_what_kinesis_did_not_acknowledge_is_not_lost() -> None:
    assert list(lost([sent(_FIRST, None), sent(_BAD, None)], {}, set())) == []


def test_a_record_that_is_stored_and_in_quarantine_is_double() -> None:
    (found,) = double([sent(_FIRST, 1)], stored(_FIRST), {"shard:1"})
    assert found == "shard:1 (order) is stored and in quarantine"


def test_an_item_that_was_never_sent_is_double() -> None:
    items = stored(_FIRST) | stored(_FIRST, OrderID="A-2")
    assert list(double([sent(_FIRST, 1)], items, set())) == ["A-2 was never sent"]


def test_an_item_with_another_amount_is_double() -> None:
    (found,) = double([sent(_FIRST, 1)], stored(_FIRST, OrderAmount=Decimal("250.01")), set())
    assert found.startswith("A-1 says something else")


def test_no_later_version_may_win_over_an_acknowledged_one() -> None:
    assert json.loads(_FIRST)["order_id"] == json.loads(_OTHER)["order_id"]
    assert list(double([sent(_FIRST, None), sent(_OTHER, 1)], stored(_OTHER), set())) == []
    assert list(double([sent(_FIRST, 1), sent(_OTHER, 2)], stored(_OTHER), set())) != []
