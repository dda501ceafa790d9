"""Each order is counted exactly once: the totals are the sums over the items, whatever fails."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from datetime import timedelta
from decimal import Decimal
from itertools import chain
from typing import Any, TypeVar

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orderstream.errors import CloudError
from orderstream.pipeline.records import Record
from orderstream.testing.fakes import client_error
from orderstream.totals.contribution import Bucket, Sums, contribution
from orderstream.totals.counter import KEEP_ERASED_SECONDS, ORDERS_AT_ONCE
from orderstream.totals.rows import bucket_key, bucket_of, sum_parts
from tests.unit.pipeline.harness import ARRIVAL, record
from tests.unit.totals.fake_totals import cancelled
from tests.unit.totals.harness import Counting, by

T = TypeVar("T")
ORDER: dict[str, Any] = {"customer_id": "nobody", "amount": "100.10"}
TTL = {"type": "Service", "principalId": "dynamodb.amazonaws.com"}


def sent(number: int, order_id: str = "A", **fields: Any) -> Record:
    body = msgspec.json.encode({"order_id": order_id} | fields)
    return record(number, body, ARRIVAL + timedelta(seconds=number))


def sums(orders: int, total: str, captured: str = "0", refunded: str = "0") -> Sums:
    return Sums(orders, Decimal(total), Decimal(captured), Decimal(refunded))


def test_an_order_counts_in_the_minute_of_its_arrival_with_its_status_and_amounts() -> None:
    one = Counting()
    one.run(sent(1, **ORDER), sent(2, "B", customer_id="b", amount=5, currency="USD"))
    one.run(sent(61, event="paid", amount="100.10"), sent(62, event="refunded", amount="0.10"))
    assert one.count(one.changes) == []
    assert one.counted() == {
        Bucket("2026-11-22T18:30", "nobody", "EUR", "paid"): sums(1, "100.10", "100.10", "-0.10"),
        Bucket("2026-11-22T18:30", "b", "USD", "placed"): sums(1, "5"),
    }


def test_an_order_leaves_the_status_that_it_had_and_an_empty_bucket_goes() -> None:
    one = Counting()
    one.run(sent(1, **ORDER), sent(2, "B", **ORDER))
    one.count(one.changes)
    assert by(one.counted(), "status") == {"placed": sums(2, "200.20")}
    one.run(sent(3, event="paid", amount="100.10"))
    one.count(one.changes[2:])
    assert by(one.counted(), "status") == {
        "placed": sums(1, "100.10"),
        "paid": sums(1, "100.10", "100.10"),
    }
    one.run(sent(4, "B", event="cancelled"))
    one.count(one.changes[3:])
    assert by(one.counted(), "status").keys() == {"paid", "cancelled"}


def test_events_that_wait_count_when_their_order_comes() -> None:
    one = Counting()
    one.run(sent(1, event="paid", amount="100.10"))
    one.count(one.changes)
    assert not one.totals.rows
    one.run(sent(2, **ORDER))
    one.count(one.changes)
    assert by(one.counted(), "status") == {"paid": sums(1, "100.10", "100.10")}


def test_nothing_of_an_erased_order_remains_but_the_place_of_its_last_change_for_two_days() -> None:
    one = Counting()
    one.run(sent(1, "secret-id", **ORDER), sent(2, "secret-id", event="paid", amount="100.10"))
    one.count(one.changes)
    assert "nobody" in str(one.totals.rows) and "secret-id" in str(one.totals.rows)
    one.dynamo.erase("secret-id")
    one.count(one.changes[2:])
    (row,) = one.totals.rows.values()
    assert row.keys() == {"PK", "SK", "Position", "ExpiresAt"}
    assert row["ExpiresAt"]["N"] == str(int(one.now) + KEEP_ERASED_SECONDS)
    assert "nobody" not in str(row) and "secret-id" not in str(row)
    one.count(one.changes)
    assert one.counted() == {}, "what is delivered again does not come back"


def test_an_order_that_is_sent_again_after_its_erasure_counts_again() -> None:
    one = Counting()
    one.run(sent(1, **ORDER))
    one.dynamo.erase("A")
    one.run(sent(2, **ORDER))
    for place in range(3):
        one.count(one.changes[place : place + 1])
    assert by(one.counted(), "status") == {"placed": sums(1, "100.10")}


def test_an_item_that_expired_still_counts() -> None:
    one = Counting()
    one.run(sent(1, **ORDER))
    one.dynamo.erase("A", by=TTL)
    one.count(one.changes)
    assert by(one.counted(), "status") == {"placed": sums(1, "100.10")}


def test_a_change_by_hand_that_is_no_version_counts() -> None:
    one = Counting()
    one.run(sent(1, **ORDER))
    one.dynamo._update("A", {"OrderAmount": {"N": "7"}}, [], ("Version", None))
    one.count(one.changes)
    assert one.counted() == one.wanted()


def test_an_order_from_before_the_totals_counts_with_its_next_change() -> None:
    one = Counting()
    one.run(sent(1, **ORDER), sent(2, event="paid", amount=50))
    one.count(one.changes[1:])
    assert one.counted() == one.wanted()


@pytest.mark.parametrize("missing", ["ReceivedAt", "CustomerID", "Currency", "Status", "OrderAmount"])
def test_an_item_that_the_pipeline_did_not_write_adds_nothing(missing: str) -> None:
    one = Counting()
    one.run(sent(1, **ORDER))
    item = one.orders["A"]
    assert contribution(item) is not None
    assert contribution({name: value for name, value in item.items() if name != missing}) is None
    assert contribution(item | {missing: [1]}) is None


# Customers that look like parts of a key, and amounts with all the digits that DynamoDB can hold.
HOSTILE = ['["a","EUR"]', "a/b", "30/x", "order/A", "a\u202eb", "é", "e\u0301", "x" * 300]
AMOUNTS = st.decimals(min_value=Decimal("1E-130"), max_value=Decimal("1E+125"), places=None).map(
    lambda amount: amount.normalize() if len(amount.as_tuple().digits) <= 38 else Decimal(1)
)


def test_no_customer_shares_a_bucket_with_another() -> None:
    buckets = [
        Bucket("2026-11-22T18:30", *texts)
        for customer in HOSTILE
        for texts in ((customer, "EUR", "paid"), ("EUR", customer, "paid"), (customer + "EUR", "", "paid"))
    ]
    keys = [str(bucket_key(0, bucket)) for bucket in buckets]
    assert len(set(keys)) == len(set(buckets))
    assert all(len(key) < 200 for key in keys)


@given(st.lists(AMOUNTS, min_size=1, max_size=20), st.randoms(use_true_random=False))
def test_sums_of_any_amounts_are_exact_and_every_part_fits(amounts: list[Decimal], draw: Any) -> None:
    one = Counting()
    bucket = Bucket("2026-11-22T18:30", "c", "EUR", "paid")
    key = bucket_key(0, bucket)
    expected = Sums()
    changes = [Sums(1, amount, amount, -amount) for amount in amounts]
    changes += [-change for change in draw.sample(changes, draw.randint(0, len(changes) - 1))]
    for change in changes:
        expected += change
        if sum_parts(change):
            one.totals._do("Update", one.table()._add(key, bucket, change, {"Orders": {"N": "99"}})["Update"])
    (row,) = one.totals.rows.values()
    assert bucket_of(row) == (bucket, expected)


def test_a_transaction_never_has_more_actions_than_dynamodb_takes() -> None:
    one = Counting()
    for number in range(2 * ORDERS_AT_ONCE + 1):
        one.run(sent(number, f"O-{number}", customer_id=f"c-{number}", amount=1))
    placed = len(one.changes)
    one.count(one.changes)
    for number in range(placed):
        one.run(sent(100 + number, f"O-{number}", event="paid"))
    one.count(one.changes[placed:])
    assert max(one.totals.transactions) == 3 * ORDERS_AT_ONCE <= 100
    assert one.counted() == one.wanted()


def test_orders_of_one_bucket_are_one_addition() -> None:
    one = Counting()
    one.run(*(sent(number, f"O-{number}", **ORDER) for number in range(ORDERS_AT_ONCE)))
    one.count(one.changes)
    assert one.totals.transactions == [ORDERS_AT_ONCE + 1]


def test_a_conflict_is_tried_again_and_ends_in_a_partial_batch_failure_when_time_is_up() -> None:
    problems: list[Exception] = [cancelled("None", "TransactionConflict"), cancelled("ThrottlingError")]

    def around(call: str, effect: Callable[[], T]) -> T:
        if call == "transact" and problems:
            raise problems.pop(0)
        return effect()

    one = Counting(around=around)
    one.run(sent(1, **ORDER))
    assert one.count(one.changes) == [] and one.counted() == one.wanted()
    one.run(sent(2, event="paid"), sent(3, "B", **ORDER), sent(4, event="packed"))
    problems += [client_error("ThrottlingException")] * 99
    assert one.count(one.changes, 5.0) == [one.changes[0]["dynamodb"]["SequenceNumber"]]
    problems.clear()
    assert one.count(one.changes) == [] and one.counted() == one.wanted()


def test_an_error_that_no_repetition_heals_fails_the_invocation() -> None:
    def around(call: str, effect: Callable[[], T]) -> T:
        raise cancelled("None", "ValidationError") if call == "transact" else client_error("AccessDenied")

    one = Counting(around=around)
    one.run(sent(1, **ORDER))
    with pytest.raises(CloudError):
        one.count(one.changes)


def test_a_damaged_bucket_does_not_stop_the_others() -> None:
    one = Counting()
    one.run(sent(1, **ORDER))
    one.count(one.changes)
    for key, row in list(one.totals.rows.items()):
        if "OrderID" not in row:
            del one.totals.rows[key]
    one.run(sent(2, event="paid", amount="100.10"))
    assert one.count(one.changes) == []
    assert by(one.counted(), "status") == {
        "placed": sums(-1, "-100.10"),
        "paid": sums(1, "100.10", "100.10"),
    }


def test_the_log_counts_orders_and_names_nobody() -> None:
    one = Counting()
    one.run(sent(1, **ORDER), sent(2, event="paid"))
    one.count(one.changes)
    line = msgspec.json.decode(one.log)
    assert (line["Counted"], line["received"], line["failed"], line["problems"]) == (1, 2, 0, [])
    assert "nobody" not in one.log and "100" not in one.log.replace(str(line["_aws"]["Timestamp"]), "")


class Killed(BaseException):
    """The process ended."""


EVENTS: list[dict[str, Any]] = [
    {"event": "paid", "seq": 1, "amount": 50},
    {"event": "packed", "seq": 2},
    {"event": "shipped", "seq": 3},
    {"event": "refunded", "event_id": "r", "amount": "0.5"},
    {"event": "cancelled", "occurred_at": "2026-11-22T18:00:00Z"},
]


def history(draw: random.Random, one: Counting, ids: str) -> None:
    """Orders and their events in any order, some twice; some orders are erased, and one comes again."""
    records = [sent(n, order_id, customer_id=draw.choice("xy"), amount=60) for n, order_id in enumerate(ids)]
    records += [
        sent(100 + n, draw.choice(ids), **draw.choice(EVENTS)) for n in range(draw.randint(0, 4 * len(ids)))
    ]
    draw.shuffle(records)
    for sample in records + draw.sample(records, len(records) // 4):
        one.run(sample)
        if draw.random() < 0.05 and (there := [key for key in one.dynamo.items if key in ids]):
            one.dynamo.erase(draw.choice(there))


Changes = list[dict[str, Any]]


def shards(draw: random.Random, changes: Changes) -> tuple[Changes, list[Changes], Changes]:
    """The changes of a shard, those of its children after a split, and those of another shard.

    The changes of an order are in one of them, or in a parent and then in a child.
    """
    home = {order_id: draw.choice(["left", "right", "other"]) for order_id in _ids(changes)}
    split = draw.randrange(len(changes) + 1)
    found: dict[str, Changes] = {"parent": [], "left": [], "right": [], "other": []}
    for number, change in enumerate(changes):
        shard = home[change["dynamodb"]["Keys"]["OrderID"]["S"]]
        found["parent" if number < split and shard != "other" else shard].append(change)
    return found["parent"], [found["left"], found["right"]], found["other"]


def _ids(changes: Changes) -> list[str]:
    return sorted({change["dynamodb"]["Keys"]["OrderID"]["S"] for change in changes})


def faults(draw: random.Random, odds: float) -> Any:
    """Calls that fail, or that end the process, before or after their effect."""

    def around(call: str, effect: Callable[[], T]) -> T:
        if draw.random() > odds:
            return effect()
        kind = draw.choice(["throttle", "lost", "kill", "late kill", "conflict"])
        if kind in ("lost", "late kill"):
            effect()
        if "kill" in kind:
            raise Killed
        if kind == "conflict" and call == "transact":
            raise cancelled("TransactionConflict")
        raise client_error("InternalServerError" if kind == "lost" else "ThrottlingException", 500)

    return around


def deliver(draw: random.Random, one: Counting, changes: Changes) -> Iterator[None]:
    """Deliver a shard as Lambda does, at least once and in order, from the lowest failed record."""
    numbers = [change["dynamodb"]["SequenceNumber"] for change in changes]
    place = 0
    while place < len(changes):
        batch = changes[place : place + draw.randint(1, 12)]
        try:
            failed = one.count(batch, draw.choice([3.0, 4.0, 60.0]))
        except Killed:
            yield
            continue
        if draw.random() < 0.8:
            place = numbers.index(min(failed)) if failed else place + len(batch)
        elif draw.random() < 0.3:
            # Read again from a checkpoint that lies further back.
            place = draw.randrange(place + 1)
        yield


def in_turns(draw: random.Random, *workers: Iterator[None]) -> Iterator[None]:
    """Let several work at the same time."""
    left = list(workers)
    while left:
        worker = draw.choice(left)
        if next(worker, left) is left:
            left.remove(worker)
        yield


def all_of(*work: Iterator[None]) -> None:
    for _ in chain(*work):
        pass


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32))
def test_the_totals_are_the_sums_of_the_items_whatever_fails_and_is_repeated(seed: int) -> None:
    draw = random.Random(seed)
    one = Counting()
    one.seconds_left = 1e6
    history(draw, one, "ABCDEFG")
    one.totals.around = faults(draw, 0.2)
    parent, children, other = shards(draw, one.changes)
    split = chain(
        deliver(draw, one, parent), in_turns(draw, *(deliver(draw, one, child) for child in children))
    )
    all_of(in_turns(draw, split, deliver(draw, one, other)))
    assert one.counted() == one.wanted()


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32))
def test_a_rebuild_under_traffic_ends_with_the_sums_of_the_items(seed: int) -> None:
    draw = random.Random(seed)
    one = Counting()
    one.seconds_left = 1e6
    history(draw, one, "ABCD")
    old = len(one.changes)
    # These were never delivered, and the totals were damaged besides.
    lost = draw.randrange(old + 1)
    one.count(one.changes[lost // 2 : lost])
    for row in one.totals.rows.values():
        if "Orders" in row:
            row["Orders"] = {"N": "77"}

    def rebuild() -> Iterator[None]:
        generation = one.rebuild()
        yield
        for order_id in "ABCDEFGH":
            if "EventID" in (item := one.dynamo.items.get(order_id, {})):
                scanned = dict(item)
                yield
                one.count_scanned(generation, [(order_id, scanned)])

    def traffic() -> Iterator[None]:
        place = lost
        for number in range(30):
            order_id = draw.choice("ABCDEFGH")
            fields = draw.choice(EVENTS) if draw.random() < 0.6 else {"customer_id": "x", "amount": 60}
            one.run(sent(1000 + number, order_id, **fields))
            if draw.random() < 0.1 and order_id in one.dynamo.items:
                one.dynamo.erase(order_id)
            yield
            if draw.random() < 0.5:
                one.count(one.changes[place:])
                place = draw.randint(place, len(one.changes))
        one.count(one.changes[place:])

    all_of(in_turns(draw, traffic(), rebuild()))
    assert one.counted(1) == one.wanted()


@pytest.mark.parametrize("known", [0, 1])
@pytest.mark.parametrize("in_steps", [True, False])
def test_a_worker_that_was_overtaken_cannot_write(known: int, in_steps: bool) -> None:
    one = Counting()
    one.run(sent(1, **ORDER), sent(2, event="paid"))
    one.count(one.changes[:known])

    def overtake() -> None:
        one.totals.before_transaction = lambda: None
        one.run(sent(3, event="packed"))
        one.dynamo.erase("A")
        if in_steps:
            one.count(one.changes[known:3])
        one.count(one.changes[known:])

    one.totals.before_transaction = overtake
    assert one.count(one.changes[known:2]) == []
    assert one.counted() == {} == one.wanted()


def test_an_amount_that_an_overtaken_worker_would_add_is_not_added_twice() -> None:
    one = Counting()
    one.run(sent(1, **ORDER))
    one.count(one.changes)
    one.run(sent(2, event="captured", amount=10), sent(3, event="captured", amount=20))

    def overtake() -> None:
        one.totals.before_transaction = lambda: None
        one.count(one.changes[1:])

    one.totals.before_transaction = overtake
    assert one.count(one.changes[1:2]) == []
    assert one.counted() == one.wanted()
    assert by(one.counted(), "status") == {"placed": sums(1, "100.10", "30")}


def test_an_order_that_was_scanned_before_it_changed_is_not_counted_as_it_was() -> None:
    one = Counting()
    one.run(sent(1, **ORDER))
    one.count(one.changes)
    generation = one.rebuild()
    scanned = dict(one.dynamo.items["A"])
    one.run(sent(2, event="paid"))
    one.count(one.changes[1:])
    one.count_scanned(generation, [("A", scanned)])
    assert one.counted(1) == one.wanted()


def test_a_rebuild_that_another_one_has_replaced_counts_nothing_in_its_totals() -> None:
    one = Counting()
    one.run(sent(1, **ORDER))
    first = one.rebuild()
    scanned = dict(one.dynamo.items["A"])
    one.run(sent(2, event="paid"))
    one.count(one.changes)
    second = one.rebuild()
    one.count_scanned(first, [("A", scanned)])
    one.count_scanned(second, [("A", one.dynamo.items["A"])])
    assert one.counted(second) == one.wanted()


def test_a_bucket_that_another_shard_enters_meanwhile_stays_and_one_that_both_leave_goes() -> None:
    one = Counting()
    one.run(sent(1, "A", **ORDER))
    one.count(one.changes)
    one.run(sent(2, "A", event="paid"), sent(3, "B", **ORDER))

    def enter() -> None:
        one.totals.before_transaction = lambda: None
        one.count(one.changes[2:])

    one.totals.before_transaction = enter
    assert one.count(one.changes[1:2]) == []
    assert one.counted() == one.wanted()
    one.run(sent(4, "C", **ORDER), sent(5, "B", event="paid"), sent(6, "C", event="paid"))
    one.count(one.changes[3:4])

    def leave() -> None:
        one.totals.before_transaction = lambda: None
        one.count(one.changes[4:5])

    one.totals.before_transaction = leave
    assert one.count(one.changes[5:]) == []
    assert one.counted() == one.wanted() and len(one.counted()) == 1


def test_without_the_condition_orders_would_be_counted_twice() -> None:
    one = Counting(checks=False)
    one.run(sent(1, **ORDER))

    def overtake() -> None:
        one.totals.before_transaction = lambda: None
        one.count(one.changes)

    one.totals.before_transaction = overtake
    one.count(one.changes)
    assert by(one.counted(), "status") == {"placed": sums(2, "200.20")}
