"""DynamoDB as webhooks rely on it: leases, sparse indexes, and updates only of what is still pending."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from orderstream.aws.clients import AwsClients
from orderstream.pipeline.statements import Result
from orderstream.webhooks.deliveries import Deliveries
from orderstream.webhooks.delivery import Delivery
from orderstream.webhooks.registry import Registry, State, Webhook
from tests.integration.expanded import EVERYTHING, resources
from tests.unit.webhooks.fake_tables import DELIVERIES, WEBHOOKS, FakeTables

NEEDED = ("TableName", "BillingMode", "KeySchema", "AttributeDefinitions", "GlobalSecondaryIndexes")
HOOK = Webhook("wh-1", "https://a.example/", "2026-11-30T00:00:00Z", ("paid",))


@pytest.fixture(params=["fake", "ministack"])
def client(request: pytest.FixtureRequest) -> Iterator[Any]:
    """A client of DynamoDB with the tables, empty, as the template has them."""
    if request.param == "fake":
        yield FakeTables()
        return
    real: AwsClients = request.getfixturevalue("account")
    made = resources("AWS::DynamoDB::Table", EVERYTHING)
    for name in (WEBHOOKS, DELIVERIES):
        real.dynamodb.create_table(**{key: made[name][key] for key in NEEDED if key in made[name]})
    yield real.dynamodb
    for name in (WEBHOOKS, DELIVERIES):
        real.dynamodb.delete_table(TableName=name)


def delivery(order_id: str, version: int, number: int, **more: Any) -> Delivery:
    given: dict[str, Any] = {"queued_at": 100.0 + number, "due": 100.0 + number} | more
    body = f"{order_id}/{version} {more.get('text', '')}".encode()
    given.pop("text", None)
    return Delivery(HOOK.id, order_id, version, f"{order_id}/{version}", body, f"{number}", **given)


def insert(table: Deliveries, *ones: Delivery, done: bool = False) -> list[Result]:
    return [one.result for one in table.insert(ones, [done] * len(ones), lambda: 60.0)]


def test_a_lease_has_one_owner_until_it_ends_or_is_given_back(client: Any) -> None:
    registry = Registry(client, WEBHOOKS)
    assert registry.acquire(HOOK.id, "one", 10.0, 20.0) is None
    registry.add(HOOK)
    assert registry.acquire(HOOK.id, "one", 10.0, 20.0) == HOOK
    assert registry.acquire(HOOK.id, "two", 19.9, 30.0) is None
    assert registry.is_held(HOOK.id, "one") and not registry.is_held(HOOK.id, "two")
    assert registry.acquire(HOOK.id, "two", 20.0, 30.0) == HOOK
    # Whoever lost it stores nothing.
    registry.release(HOOK.id, "one", State(off="lost"))
    failing = State(3, 11.5, 1, 40.25, "", "status 500")
    registry.release(HOOK.id, "two", failing)
    found = registry.get(HOOK.id)
    assert found and (found.state, found.types) == (failing, ("paid",))
    assert registry.acquire(HOOK.id, "three", 40.2, 50.0) is None
    assert registry.acquire(HOOK.id, "three", 40.25, 50.0) == found
    registry.release(HOOK.id, "three", State(off="gone"))
    assert registry.acquire(HOOK.id, "four", 99.0, 100.0) is None
    assert registry.reset(HOOK.id) and registry.all() == [HOOK]
    assert registry.keep_old_secret(HOOK.id, 7.5)
    found = registry.get(HOOK.id)
    assert found and found.old_secret_until == 7.5
    registry.remove(HOOK.id)
    assert registry.all() == [] and registry.get(HOOK.id) is None
    assert not registry.reset(HOOK.id) and not registry.keep_old_secret(HOOK.id, 7.5)


def test_a_delivery_is_queued_once_even_after_it_is_done(client: Any) -> None:
    table = Deliveries(client, DELIVERIES)
    first, second = delivery("A", 1, 1), delivery("A", 2, 2)
    assert insert(table, first, second) == [Result.DONE, Result.DONE]
    assert table.pending(HOOK.id, "A") == [first, second]
    table.done(first, 200.0)
    assert table.pending(HOOK.id, "A") == [second]
    assert insert(table, first, second) == [Result.EXISTS, Result.EXISTS]
    # Other content of the same version is another delivery.
    assert insert(table, delivery("A", 1, 3, text="again")) == [Result.DONE]
    assert insert(table, delivery("B", 1, 4), done=True) == [Result.DONE]
    assert table.pending(HOOK.id, "B") == [] and table.counts(HOOK.id) == (2, 0)


def test_the_indexes_have_what_is_due_what_failed_and_dead_letters(client: Any) -> None:
    table = Deliveries(client, DELIVERIES)
    ones = [delivery(order_id, 1, number) for number, order_id in enumerate(("A", "B", "C/1", "C"))]
    insert(table, *ones, delivery("C", 2, 9))
    assert table.due(HOOK.id, 102.0, 10) == ["A", "B", "C/1"] and table.due(HOOK.id, 102.0, 1) == ["A"]
    assert [one.version for one in table.pending(HOOK.id, "C")] == [1, 2]
    table.failed(ones[0], 500.0, "status 500")
    table.postpone(ones[1], 600.0)
    table.bury(ones[2], 200.0, "status 400")
    assert table.due(HOOK.id, 499.0, 10) == ["C"] and table.next_due(HOOK.id) == 103.0
    assert table.counts(HOOK.id) == (4, 1)
    # Since it was queued, though it is due later.
    assert table.oldest(HOOK.id) == 100.0
    (failed,) = table.pending(HOOK.id, "A")
    assert (failed.attempts, failed.due) == (1, 500.0)
    assert len(list(table.redrive(HOOK.id, 700.0, "A"))) == 1
    assert len(list(table.redrive(HOOK.id, 700.0))) == 1
    assert table.counts(HOOK.id) == (5, 0) and table.due(HOOK.id, 700.0, 10)[-1] in ("A", "C/1")
    assert len(list(table.remove_all(HOOK.id))) == 5
    assert table.counts(HOOK.id) == (0, 0) and table.oldest(HOOK.id) is None


def test_an_erasure_takes_the_content_and_what_is_in_flight_does_not_bring_it_back(client: Any) -> None:
    table = Deliveries(client, DELIVERIES)
    ones = [delivery("A", version, version) for version in (1, 2, 3)]
    insert(table, *ones, delivery("B", 1, 8))
    table.bury(ones[0], 200.0, "status 400")
    table.erase(HOOK.id, "A", "3", 200.0)
    assert table.pending(HOOK.id, "A") == [ones[2]] and table.counts(HOOK.id) == (2, 0)
    # A sender that had read them before stores what came of them.
    table.failed(ones[1], 300.0, "status 500")
    table.postpone(ones[1], 300.0)
    table.bury(ones[1], 300.0, "status 500")
    assert table.pending(HOOK.id, "A") == [ones[2]] and table.counts(HOOK.id) == (2, 0)
    assert list(table.redrive(HOOK.id, 400.0)) == []
