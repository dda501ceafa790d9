"""A new model is compared with the archive: events are judged by its transitions, and are no orders."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

import pytest

import orderstream
from orderstream.archive.model_comparison import ModelComparison, compare_model
from orderstream.aws.clients import AwsClients
from orderstream.domain.lifecycle import Transitions
from orderstream.domain.order import Order
from orderstream.domain.user_model import set_order_model
from orderstream.storage.bucket import ALL_TIME
from tests.integration.archive_harness import record
from tests.integration.pipeline_harness import Pipe
from tests.integration.reconciliation import event, order


class Pickup(orderstream.Order):
    """Orders that are fetched: nothing is shipped, and they can be reserved."""

    TRANSITIONS: ClassVar[Transitions] = {
        "placed": ("paid", "reserved", "captured"),
        "paid": ("packed",),
        "packed": (),
        "reserved": (),
    }


@pytest.fixture
def pipe(cloud: AwsClients) -> Iterator[Pipe]:
    pipe = Pipe(cloud)
    pipe.make_function()
    texts = [
        order("A"),
        order("B"),
        event("A", "paid", amount=1),
        event("A", "packed"),
        event("A", "shipped"),
        # Forbidden: it has no effect, and is an event all the same.
        event("B", "shipped"),
        # Waits for its order.
        event("C", "paid"),
        # Quarantined.
        event("A", "reserved"),
        "bad",
    ]
    pipe.process([record(number, text) for number, text in enumerate(texts, start=1)])
    yield pipe
    set_order_model(lambda: Order)


def compared(pipe: Pipe) -> ModelComparison:
    return compare_model(pipe.deployment, ALL_TIME)


def test_by_the_model_that_stored_them_nothing_changes_whatever_became_of_the_orders(pipe: Pipe) -> None:
    done = compared(pipe)
    assert (done.records, done.orders, done.events) == (9, 2, 5)
    assert done.is_same


def test_an_event_that_the_transitions_no_longer_have_is_refused_and_a_new_one_accepted(pipe: Pipe) -> None:
    set_order_model(lambda: Pickup)
    done = compared(pipe)
    (code,) = done.newly_refused
    refused = done.newly_refused[code]
    assert (code, refused.count) == ("unknown_event", 2)
    assert [(one["order_id"], one["path"]) for one in refused.samples] == [("A", "$.event"), ("B", "$.event")]
    assert done.newly_accepted.samples == [{"event_id": "shardId-1:8", "order_id": "A"}]
    assert done.stored_differently == {}
