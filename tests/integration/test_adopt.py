"""`orders adopt` moves what a pipeline made by hand has, once, and says what differs."""

from __future__ import annotations

import json
import uuid
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from orderstream.local.cloud import LocalCloud
from orderstream.pipeline.archive_codec import original_bytes
from orderstream.storage.orders import get_order, raw_order
from tests.integration.conftest import OrdersHere, awaited
from tests.integration.local_orders import found_order, quarantined
from tests.integration.tutorial import DATE, Tutorial, customer, item_of, make_table


def adopted(orders: OrdersHere, *arguments: str, status: int = 0) -> dict[str, Any]:
    report: dict[str, Any] = json.loads(orders("adopt", *arguments, "--json", status=status).stdout)
    return report


def outcomes(report: dict[str, Any]) -> dict[str, int]:
    names = ("moved", "to_move", "already_there", "invalid", "corrected", "differs", "failed")
    assert report["orders"] == sum(report[name] for name in names)
    return {name: report[name] for name in names if report[name]}


@pytest.fixture
def tutorial(local: LocalCloud) -> Tutorial:
    return Tutorial(local.cloud)


def test_every_order_of_table_and_bucket_is_moved_once_with_the_bytes_of_its_object(
    local: LocalCloud, orders: OrdersHere, tutorial: Tutorial
) -> None:
    whose = customer()
    sent = b'{ "customer_id": "%b",  "amount": 19.90, "order_date": "2024-05-01T10:00:00+02:00", "x": 1e2 }'
    with_both = tutorial.store(sent % whose.encode(), item_of(whose, "19.9", "2024-05-01T08:00:00Z", "S"))
    only_item = tutorial.store(None, item_of(whose, "1234567890123456.123456789", kind="S"))
    only_object = tutorial.store({"customer_id": whose, "amount": "7.50"})
    before = tutorial.items(), tutorial.objects()

    dry = adopted(orders, *tutorial.options, "--dry-run")
    assert outcomes(dry) == {"to_move": 3}
    assert found_order(local, with_both) is None

    report = adopted(orders, *tutorial.options)
    assert outcomes(report) == {"moved": 3}
    assert report["read"] | {"delivering": []} == {
        "items": 2,
        "objects": 2,
        "items_without_object": 1,
        "objects_without_item": 1,
        "records": 0,
        "unstored": 0,
        "delivering": [],
    }
    assert raw_order(local.deployment, with_both) == (
        b'{"order_id":"%b", "customer_id": "%b",  "amount": 19.90,'
        b' "order_date": "2024-05-01T10:00:00+02:00", "x": 1e2 }' % (with_both.encode(), whose.encode())
    )
    rebuilt = get_order(local.deployment, only_item)
    assert rebuilt["OrderAmount"] == Decimal("1234567890123456.123456789")
    assert rebuilt["OrderDate"] == f"{DATE}Z"
    written_at = get_order(local.deployment, only_object)["OrderDate"]
    assert datetime.now(UTC) - datetime.fromisoformat(written_at) < timedelta(minutes=10)
    assert report["notes"]["the date had no time zone: taken as UTC"] == 1
    assert any("rebuilt from the item" in text for text in report["unknown"])

    items = [get_order(local.deployment, one) for one in (with_both, only_item, only_object)]
    again = adopted(orders, *tutorial.options)
    assert outcomes(again) == {"already_there": 3}
    assert [get_order(local.deployment, one) for one in (with_both, only_item, only_object)] == items
    assert (tutorial.items(), tutorial.objects()) == before, "nothing is changed in the old pipeline"


def test_an_order_that_came_after_the_first_run_is_moved_by_the_next(
    orders: OrdersHere, tutorial: Tutorial
) -> None:
    whose = customer()
    tutorial.store({"customer_id": whose, "amount": 1}, item_of(whose, "1"))
    assert outcomes(adopted(orders, *tutorial.options)) == {"moved": 1}
    tutorial.store({"customer_id": whose, "amount": 2}, item_of(whose, "2"))
    assert outcomes(adopted(orders, *tutorial.options)) == {"already_there": 1, "moved": 1}


def test_what_the_model_refuses_is_quarantined_once_and_reported_by_its_reason(
    local: LocalCloud, orders: OrdersHere, tutorial: Tutorial
) -> None:
    whose = customer()
    negative = [tutorial.store({"customer_id": whose, "amount": -5}, item_of(whose, "-5")) for _ in range(2)]
    garbled = tutorial.store(b"not json " + whose.encode())
    usable = tutorial.store(b"not json either", item_of(whose, "3"))
    report = adopted(orders, *tutorial.options)
    assert outcomes(report) == {"moved": 1, "invalid": 3}
    reasons = {one["code"]: (one["path"], one["orders"], one["samples"]) for one in report["reasons"]}
    assert reasons["not_positive"] == ("$.amount", 2, sorted(negative))
    assert reasons["not_json"] == ("$", 1, [garbled])
    assert get_order(local.deployment, usable)["OrderAmount"] == 3
    assert report["notes"]["the object is not a valid order: rebuilt from the item"] == 1

    def of_this_test() -> list[bytes]:
        lines = quarantined(local).values()
        return sorted(original_bytes(line) for line in lines if whose.encode() in original_bytes(line))

    before = of_this_test()
    assert len(before) == 3
    assert outcomes(adopted(orders, *tutorial.options)) == {"already_there": 1, "invalid": 3}
    assert of_this_test() == before

    event = next(line.event_id for line in quarantined(local).values() if line.order_id == negative[0])
    orders("quarantine", "resubmit", event, "--set", "amount=5")
    awaited(lambda: found_order(local, negative[0]))
    report = adopted(orders, *tutorial.options)
    assert outcomes(report) == {"already_there": 1, "corrected": 1, "invalid": 2}


def test_an_order_whose_item_and_object_disagree_differs_and_the_status_says_so(
    orders: OrdersHere, tutorial: Tutorial
) -> None:
    whose = customer()
    order_id = tutorial.store({"customer_id": whose, "amount": "10.01"}, item_of(whose, "10.00"))
    tutorial.store({"customer_id": whose, "amount": 4}, item_of(whose, "4"))
    dry = adopted(orders, *tutorial.options, "--dry-run", status=1)
    assert outcomes(dry) == {"differs": 1, "to_move": 1}
    for expected in ({"differs": 1, "moved": 1}, {"differs": 1, "already_there": 1}):
        report = adopted(orders, *tutorial.options, status=1)
        assert outcomes(report) == expected
        assert report["differences"] == [
            {"order_id": order_id, "detail": "amount: 10 in the old one, 10.01 now"}
        ]
    assert "amount: 10 in the old one, 10.01 now" in orders("adopt", *tutorial.options, status=1).stdout


def test_orders_that_are_alike_within_a_minute_are_suspected_and_kept(
    local: LocalCloud, orders: OrdersHere, tutorial: Tutorial
) -> None:
    whose = customer()
    dates = ("2024-05-01T12:00:00", "2024-05-01T12:01:00", "2024-05-01T12:02:00.01")
    ids = [tutorial.store(None, item_of(whose, "8", date)) for date in dates]
    tutorial.store(None, item_of(whose, "8.01", dates[0]))
    report = adopted(orders, *tutorial.options)
    assert outcomes(report) == {"moved": 4}
    assert report["suspected_duplicates"] == 1
    (pair,) = report["duplicates"]
    assert [pair["order_id"], pair["other"]] == ids[:2]
    assert all(found_order(local, one) for one in ids)


def test_records_that_the_old_function_lost_are_moved_once_nothing_can_bring_them_there_anymore(
    local: LocalCloud, orders: OrdersHere, tutorial: Tutorial
) -> None:
    whose = customer()
    tutorial.make_stream()
    mapping = tutorial.make_mapping()
    options = [*tutorial.options, "--from-stream", tutorial.stream]
    stored, lost = ({"customer_id": whose, "amount": amount} for amount in (11, 12))
    for document in (stored, lost, stored):
        tutorial.put_record(document)
    late = (datetime.now(UTC) + timedelta(seconds=2)).isoformat()
    for _ in range(2):
        tutorial.store(stored, item_of(whose, "11", late))

    report = adopted(orders, *options)
    assert outcomes(report) == {"moved": 2}
    assert (report["read"]["records"], report["read"]["unstored"]) == (3, 1)
    assert any(mapping in text for text in report["unknown"])

    local.cloud.lambda_.delete_event_source_mapping(UUID=mapping)
    report = adopted(orders, *options)
    assert outcomes(report) == {"already_there": 2, "moved": 1}
    assert outcomes(adopted(orders, *options)) == {"already_there": 3}
    listed = map(json.loads, orders("list", "--customer", whose, "--json").stdout.splitlines())
    assert sorted(item["OrderAmount"] for item in listed) == [11, 11, 12]


def test_a_rehearsal_with_two_thousand_orders_moves_and_compares_each(
    orders: OrdersHere, tutorial: Tutorial
) -> None:
    whose = customer()
    for begin in range(0, 2000, 25):
        items = [
            {"OrderID": {"S": str(uuid.uuid4())}, **item_of(f"{whose}-{number % 7}", f"{number + 1}.25")}
            for number in range(begin, begin + 25)
        ]
        requests = [{"PutRequest": {"Item": item}} for item in items]
        tutorial.cloud.dynamodb.batch_write_item(RequestItems={tutorial.table: requests})  # type: ignore[dict-item]
    report = adopted(orders, "--from-table", tutorial.table)
    assert outcomes(report) == {"moved": 2000}
    assert outcomes(adopted(orders, "--from-table", tutorial.table)) == {"already_there": 2000}


def test_a_source_that_does_not_fit_is_refused_before_anything_is_read(
    local: LocalCloud, orders: OrdersHere, tutorial: Tutorial
) -> None:
    other_key = f"Old-{uuid.uuid4().hex}"
    make_table(local.cloud, other_key, "id")
    own = local.deployment
    refused = {
        "neither a table nor a bucket": [],
        "--from-stream only completes them": ["--from-stream", "S"],
        "there is no table nothing": ["--from-table", "nothing"],
        "there is no bucket there-is-none-of-it": ["--from-bucket", "there-is-none-of-it"],
        "there is no stream nothing": [*tutorial.options, "--from-stream", "nothing"],
        "is id (S), not OrderID": ["--from-table", other_key],
        f"{own.table} belongs to stack": ["--from-table", own.table],
        f"{own.bucket} belongs to stack": ["--from-bucket", own.bucket],
        f"{own.discarded_bucket} belongs to stack": ["--from-bucket", own.discarded_bucket],
        f"{own.stream} belongs to stack": [*tutorial.options, "--from-stream", own.stream],
    }
    for message, arguments in refused.items():
        assert message in orders("adopt", *arguments, status=2).stderr
    missing = orders("adopt", *tutorial.options, "--stack", "none-such", status=3).stderr
    assert "there is no stack none-such" in missing and "orders deploy" in missing
    assert "nothing to adopt" in orders("adopt", *tutorial.options, status=4).stderr
