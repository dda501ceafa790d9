"""Sample traffic is what it says it is: its good orders are good, and its bad ones bad."""

from collections import Counter
from datetime import UTC, datetime
from itertools import islice
from typing import Any

import msgspec
import pytest

from orderstream.domain.decode import decode
from orderstream.domain.fold import Effect, fold
from orderstream.domain.lifecycle import event_names
from orderstream.domain.order import Order
from orderstream.domain.order_event import event_attributes
from orderstream.ingest.samples import BAD, Sample, samples
from tests.another_order import AnotherOrder

NOW = datetime(2026, 11, 22, 18, tzinfo=UTC)


def test_the_same_seed_gives_the_same_traffic() -> None:
    def first(seed: int) -> list[bytes]:
        return [sample.data for sample in islice(samples(seed, bad_share=0.1, duplicate_share=0.1), 50)]

    assert first(1) == first(1) != first(2)


@pytest.mark.parametrize("data", BAD, ids=lambda data: data[:40])
def test_every_bad_sample_is_refused(data: bytes) -> None:
    assert decode(data).order is None


def test_traffic_is_what_it_is_meant_to_be() -> None:
    seen: dict[str, str] = {}
    kinds: Counter[str] = Counter()
    for sample in islice(samples(3, bad_share=0.1, duplicate_share=0.2, conflict_share=0.1), 2000):
        kinds[sample.kind] += 1
        found = decode(sample.data)
        assert (found.order is None) == (sample.kind == "bad")
        if found.order is None:
            continue
        assert sample.partition_key == found.order.customer_id, "an order and its repeats keep their order"
        order_id = found.order.order_id or ""
        if sample.kind == "order":
            assert order_id not in seen
            seen[order_id] = found.fingerprint
        else:
            assert (seen[order_id] == found.fingerprint) == (sample.kind == "duplicate")
    assert 140 < kinds["bad"] < 260 and 340 < kinds["duplicate"] < 460 and 140 < kinds["conflict"] < 260


def test_traffic_has_the_fields_that_another_order_adds() -> None:
    fields: Counter[str] = Counter()
    for sample in islice(samples(5, bad_share=0.1, conflict_share=0.1, model=AnotherOrder), 500):
        found = decode(sample.data, AnotherOrder)
        assert (found.order is None) == (sample.kind == "bad"), found.reasons
        if sample.kind == "order":
            fields.update(msgspec.json.decode(sample.data).keys())
    orders = fields["order_id"]
    assert fields["address"] == orders
    added = set(AnotherOrder.__struct_fields__) - set(Order.__struct_fields__) - {"address"}
    assert all(0 < fields[name] < orders for name in added)


def lives(seed: int, records: int, model: type[Order] = Order) -> dict[str, tuple[Sample | None, list[Any]]]:
    """Each order of the traffic with its events, as they are read, in the order of arrival."""
    found: dict[str, tuple[Sample | None, list[Any]]] = {}
    for sample in islice(samples(seed, lives=True, model=model), records):
        what = decode(sample.data, model)
        assert not what.reasons
        order, events = found.get(what.raw_order_id or "", (None, []))
        if what.event is None:
            order = sample
        else:
            assert sample.kind == "event" and sample.partition_key == what.event.sent.order_id
            events.append(what.event)
        found[what.raw_order_id or ""] = order, events
    return found


class OwnLifecycle(Order):
    """Orders that are picked up."""

    TRANSITIONS = {"open": ("ready", "amended"), "ready": ("picked_up", "captured"), "picked_up": ()}


@pytest.mark.parametrize("model", [Order, AnotherOrder, OwnLifecycle])
def test_every_event_of_a_life_is_allowed_and_its_amounts_are_exact(model: type[Order]) -> None:
    names: Counter[str] = Counter()
    for order, events in lives(7, 4000, model).values():
        if order is None:
            continue
        read = decode(order.data, model).order
        assert read is not None
        item = {"OrderAmount": read.amount, "Currency": read.currency, "Items": read.items, "ReceivedAt": ""}
        rows = [
            event_attributes(event, record="s:1", arrived_at=NOW, archive_key="", to_items=list)
            for event in events
        ]
        # Those that are still under way leave a gap.
        numbered = sorted(rows, key=lambda row: row["Seq"])
        whole = [row for number, row in enumerate(numbered, start=1) if row["Seq"] == number]
        folded = fold(item, whole, model.TRANSITIONS)
        assert {step.effect for step in folded.steps} <= {Effect.APPLIED}, folded.steps
        assert "MissingSeq" not in folded.state
        names.update(step.row["Event"] for step in folded.steps)
    assert names.keys() == event_names(model.TRANSITIONS)
    assert names[next(iter(model.TRANSITIONS.values()))[0]] == max(names.values())


def test_some_events_are_late_out_of_order_or_before_their_order_and_most_are_not() -> None:
    arrived: set[str] = set()
    early = 0
    for sample in islice(samples(7, lives=True), 4000):
        order_id = decode(sample.data).raw_order_id or ""
        early += sample.kind == "event" and order_id not in arrived
        if sample.kind == "order":
            arrived.add(order_id)
    disordered = 0
    for _, events in lives(7, 4000).values():
        numbers = [event.sent.seq or 0 for event in events]
        disordered += numbers != sorted(numbers)
    assert 0 < early < len(arrived) / 4 and 0 < disordered < len(arrived) / 4


def test_the_same_seed_gives_the_same_lives() -> None:
    def first(seed: int) -> list[Sample]:
        return [*islice(samples(seed, lives=True), 200)]

    assert first(1) == first(1) != first(2)
