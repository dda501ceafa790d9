"""The newest orders come from the archive's last objects, in the order of arrival, page by page."""

from __future__ import annotations

from decimal import Decimal

import pytest

from orderstream.domain.decode import decode
from orderstream.errors import InputError
from orderstream.lookup.newest_records import MOST_OBJECTS
from orderstream.lookup.order_search import OrderFilter, search_orders
from orderstream.lookup.record_summary import RecordSummary, summary_of
from orderstream.storage.bucket import TimeRange
from tests.unit.lookup.archived_orders import ArchivedOrders, ago, order

EVERY = OrderFilter()


def ids(archive: ArchivedOrders, wanted: OrderFilter = EVERY, most: int = 50) -> list[list[str]]:
    """The order ids, or else the event ids, of each page."""
    pages, place = [], None
    while True:
        page = search_orders(archive.deployment, wanted, most=most, before=place)
        pages.append([one.order_id or one.event_id for one in page.found])
        place = page.next
        if place is None:
            return pages


def test_pages_are_in_order_of_arrival_whatever_object_a_record_is_in() -> None:
    archive = ArchivedOrders()
    archive.batch(ago(1), (ago(9), order("9")), (ago(2), order("2")))
    archive.batch(ago(3), (ago(8), order("8")), (ago(4), order("4")))
    archive.batch(ago(5), (ago(7), order("7")), (ago(6), order("6")))
    # The hour before.
    archive.batch(ago(40), (ago(41), order("41")))
    assert ids(archive, most=3) == [["2", "4", "6"], ["7", "8", "9"], ["41"]]
    assert ids(archive, most=50) == [["2", "4", "6", "7", "8", "9", "41"]]


def test_a_page_reads_only_the_last_objects_and_lists_no_time_without_orders() -> None:
    archive = ArchivedOrders()
    for minute in range(1, 26):
        archive.batch(ago(minute), (ago(minute + 0.5), order(str(minute))))
    archive.batch(ago(1_000_000), (ago(1_000_000), order("old")))
    page = search_orders(archive.deployment, EVERY, most=3)
    assert [one.order_id for one in page.found] == ["1", "2", "3"]
    # Those of the page, one more, and what is fetched ahead.
    assert len(archive.reads) <= 4 + 8
    assert not any("year=2025" in key or "year=2024" in key for key in archive.reads)
    archive.lists.clear()
    assert ids(archive)[0][-1] == "old"
    # Two years and two prefixes, by year, month, day and hour.
    assert len(archive.lists) < 30


def test_a_record_that_is_archived_twice_is_found_once() -> None:
    archive = ArchivedOrders()
    archive.batch(ago(2), (ago(3), order("a")))
    ((key, (body, _)),) = archive.objects.items()
    archive.objects[key.replace("-1-1-", "-1-2-")] = body, ago(1)
    assert ids(archive) == [["a"]]


def test_a_search_that_finds_nothing_stops_and_says_how_far_it_came_and_where_it_goes_on() -> None:
    archive = ArchivedOrders()
    for number in range(MOST_OBJECTS):
        archive.batch(ago(1 + number / 1000), (ago(2), order(f"n{number}")))
    archive.batch(ago(100), (ago(100), order("far", customer="rare")))
    wanted = OrderFilter(customer="rare", status="waiting")
    page = search_orders(archive.deployment, wanted, most=5)
    assert page.found == [] and page.objects == MOST_OBJECTS
    assert page.since == ago(30)
    rest = search_orders(archive.deployment, wanted, most=5, before=page.next)
    assert [one.order_id for one in rest.found] == ["far"] and rest.next is None and rest.since is None


def test_events_of_orders_are_not_listed_and_orders_have_the_status_that_they_lead_to() -> None:
    archive = ArchivedOrders()
    paid, waits = ({"order_id": one, "event": "paid"} for one in ("A", "B"))
    records = (ago(5), order("A")), (ago(4), paid), (ago(3), waits), (ago(2), order("C"))
    first, *_ = archive.batch(ago(1), *records)
    archive.store(first, "A", Status="paid", Version="2")
    archive.items["B"] = {"OrderID": {"S": "B"}, "Pending": {"S": "order"}, "PendingSince": {"S": "x"}}
    found = search_orders(archive.deployment, EVERY, most=9).found
    assert [(one.order_id, one.status, one.order_status) for one in found] == [
        ("C", "waiting", ""),
        ("A", "stored", "paid"),
    ]


def test_each_record_has_the_status_that_the_table_gives_it() -> None:
    archive = ArchivedOrders()
    events = archive.batch(
        ago(1),
        (ago(9), order("A")),
        (ago(8), order("A")),
        (ago(7), order("A", amount="6")),
        (ago(6), order("B")),
        (ago(5), {"customer_id": "c", "amount": -1}),
    )
    document = b'{"order_id":"A","customer_id":"c","amount":"5"}'
    what = decode(document)
    archive.store(events[0], "A", Fingerprint=what.fingerprint, NormalizedFingerprint=what.normalized)
    found = search_orders(archive.deployment, EVERY, most=9).found
    statuses = [(one.order_id, one.status) for one in found]
    assert statuses == [
        ("", "quarantined"),
        ("B", "waiting"),
        ("A", "quarantined"),
        ("A", "duplicate"),
        ("A", "stored"),
    ]
    assert found[-1].summary.currency == "EUR"
    assert ids(archive, OrderFilter(status="duplicate")) == [["A"]]


def test_filters_are_by_customer_amount_and_time_and_an_invalid_amount_is_in_no_range() -> None:
    archive = ArchivedOrders()
    archive.batch(
        ago(1),
        (ago(9), order("a", amount="5")),
        (ago(8), order("b", amount="10")),
        (ago(7), order("c", amount="15", customer="other")),
        (ago(6), {"order_id": "d", "customer_id": "c", "amount": "lots"}),
    )
    assert ids(archive, OrderFilter(least=Decimal(10))) == [["c", "b"]]
    assert ids(archive, OrderFilter(most=Decimal(10))) == [["b", "a"]]
    assert ids(archive, OrderFilter(span=TimeRange(ago(8), ago(7)))) == [["b"]]
    assert ids(archive, OrderFilter(customer="other", status="waiting")) == [["c"]]


def test_a_page_that_begins_nowhere_is_an_error_of_the_one_who_asks() -> None:
    with pytest.raises(InputError):
        search_orders(ArchivedOrders().deployment, EVERY, most=1, before=("yesterday", ""))


@pytest.mark.parametrize(
    ("data", "summary"),
    [
        (b'{"customer_id":"c","amount":"19.90","currency":"EUR"}', ("c", "19.9", "EUR", Decimal("19.9"))),
        (b'{"customer_id":7,"amount":-5}', ("7", "-5", "", Decimal(-5))),
        (b'{"amount":"=1+1"}', ("", "=1+1", "", None)),
        (b'{"customer_id":["x"],"amount":1E+400}', ("['x']", "1E+400", "", None)),
        (b"[1]", ("", "", "", None)),
        (b"\xff", ("", "", "", None)),
    ],
)
def test_a_record_is_summed_up_by_what_it_says_valid_or_not(
    data: bytes, summary: tuple[str, str, str, Decimal | None]
) -> None:
    assert summary_of(data) == RecordSummary(*summary)


def test_orders_are_found_by_the_status_that_they_have_now_and_events_are_none() -> None:
    archive = ArchivedOrders()
    event = {"order_id": "a", "event": "paid"}
    records = [(ago(9), order("a")), (ago(8), event), (ago(7), order("b")), (ago(6), order("c"))]
    first, _, second, _ = archive.batch(ago(1), *records)
    archive.store(first, "a", Status="paid", Version="2")
    archive.store(second, "b", Status="placed")
    assert ids(archive, OrderFilter(order_status="paid")) == [["a"]]
    assert ids(archive, OrderFilter(order_status="placed", status="stored")) == [["b"]]
    assert ids(archive, OrderFilter(order_status="placed", status="waiting")) == [[]]
    found = search_orders(archive.deployment, EVERY, most=9).found
    assert [(one.order_id, one.order_status) for one in found] == [("c", ""), ("b", "placed"), ("a", "paid")]
