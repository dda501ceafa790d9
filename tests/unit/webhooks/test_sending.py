"""What a sender does: order, parallel orders, retries, dead letters, pauses, and switching off."""

from __future__ import annotations

import threading

import pytest

from orderstream.webhooks.deliveries import Deliveries
from orderstream.webhooks.delivery import DEAD_SECONDS
from orderstream.webhooks.http_client import Answer
from orderstream.webhooks.registry import State
from orderstream.webhooks.schedule import DELAYS, MOST_FAILURES
from tests.unit.webhooks.fake_tables import rows
from tests.unit.webhooks.harness import OK, Webhooks, failed, raw_record

HOUR = 3600.0


def test_each_change_is_sent_once_and_the_versions_of_an_order_in_their_order() -> None:
    hooks = Webhooks()
    endpoint = hooks.add()
    hooks.announce("A/1", "B/1", "A/2 paid", "A/3 packed", "B/2 paid")
    hooks.send()
    assert [one for one in endpoint.received if one[0] == "A"] == ["A/1", "A/2", "A/3"]
    assert sorted(endpoint.received) == ["A/1", "A/2", "A/3", "B/1", "B/2"]
    assert hooks.send().succeeded == 0


def test_the_body_is_what_was_announced() -> None:
    hooks = Webhooks()
    endpoint = hooks.add()
    record = raw_record(
        b'{"id":"A/1","type":"orderstream.order.placed","subject":"A",'
        b'"data":{"version":1,"order":{"Total":1.10,"Note":"Zo\xc3\xab \\u0001"}}}',
        1,
    )
    hooks.queue([record])
    hooks.send()
    assert endpoint.bodies == [
        b'{"id":"A/1","type":"orderstream.order.placed","subject":"A",'
        b'"data":{"version":1,"order":{"Total":1.10,"Note":"Zo\xc3\xab \\u0001"}}}'
    ]


def test_different_orders_are_sent_in_parallel_up_to_the_concurrency() -> None:
    hooks = Webhooks(concurrency=3)
    # The endpoint answers only when three requests are there; a fourth would be left alone and fail.
    together = threading.Barrier(3)
    endpoint = hooks.add()
    endpoint.before = lambda: together.wait(20)
    hooks.announce("A/1", "B/1", "C/1", "D/1", "E/1", "F/1")
    hooks.send()
    assert len(endpoint.received) == 6


def test_a_failed_delivery_holds_back_its_order_and_no_other() -> None:
    hooks = Webhooks()
    endpoint = hooks.add("a", lambda event_id, number: failed() if event_id == "A/1" else OK)
    hooks.announce("A/1", "A/2", "B/1", "B/2")
    hooks.send()
    assert endpoint.received == ["B/1", "B/2"]
    # What comes later waits too, and is not looked at again before the first one is due.
    hooks.announce("A/3", "B/3")
    hooks.send()
    assert endpoint.received == ["B/1", "B/2", "B/3"]
    dues = {row["DeliveryKey"][:12]: row["Due"] for row in rows(hooks.tables) if "Due" in row}
    assert len(dues) == 3 and len(set(dues.values())) == 1
    endpoint.verdict = lambda event_id, number: OK
    hooks.run(2 * HOUR)
    assert endpoint.received == ["B/1", "B/2", "B/3", "A/1", "A/2", "A/3"]


def test_a_delivery_is_tried_for_three_days_by_the_schedule_and_then_is_a_dead_letter() -> None:
    hooks = Webhooks()
    times: list[float] = []

    def verdict(event_id: str, number: int) -> Answer:
        if event_id != "A/1":
            return OK
        times.append(hooks.now)
        return failed(400)

    endpoint = hooks.add("a", verdict)
    hooks.announce("A/1", "A/2")
    for _ in range(80):
        hooks.run(HOUR)
        # Others succeed all the time: it is only this order.
        hooks.announce(f"B/{len(times) + 1}")
        hooks.send()
    gaps = [later - earlier for earlier, later in zip(times, times[1:], strict=False)]
    assert len(gaps) == len(DELAYS)
    for gap, wanted in zip(gaps, DELAYS, strict=True):
        assert wanted <= gap <= wanted + 61
    assert endpoint.received[-1] == "A/2" or "A/2" in endpoint.received
    (dead,) = [row for row in rows(hooks.tables) if row.get("Failing") == "a#dead"]
    assert dead["LastError"] == "status 400" and dead["ExpiresAt"] >= times[-1] + DEAD_SECONDS - 1
    assert hooks.deliveries.counts("a") == (0, 1)


def test_a_dead_endpoint_costs_one_request_at_a_time_and_is_switched_off_after_three_days() -> None:
    hooks = Webhooks(concurrency=10)
    endpoint = hooks.add("a", lambda event_id, number: Answer(0, "connection refused"))
    hooks.announce(*(f"{number}/1" for number in range(60)))
    hooks.run(HOUR)
    # Ten fail at first. Then one after 5 seconds, one after 5 minutes, and one each half hour.
    assert MOST_FAILURES <= len(endpoint.requests) <= 2 * MOST_FAILURES + 4
    before = len(endpoint.requests)
    hooks.run(24 * HOUR)
    assert len(endpoint.requests) - before <= 2 * 24 + 2
    hooks.run(50 * HOUR)
    webhook = hooks.registry.get("a")
    assert webhook and webhook.state.off == "nothing succeeded for three days: connection refused"
    assert hooks.tick() == []
    # Nothing is lost: it can be sent when the endpoint is there again.
    endpoint.verdict = lambda event_id, number: OK
    assert hooks.registry.reset("a")
    assert len(list(hooks.deliveries.redrive("a", hooks.now))) > 0
    hooks.run(600)
    assert len(endpoint.received) == 60


def test_one_order_that_is_always_refused_does_not_switch_the_endpoint_off() -> None:
    hooks = Webhooks()
    endpoint = hooks.add("a", lambda event_id, number: failed(400) if event_id == "A/1" else OK)
    hooks.announce("A/1")
    hooks.run(80 * HOUR)
    assert hooks.deliveries.counts("a") == (0, 1)
    hooks.announce("A/2", "B/1")
    hooks.run(HOUR)
    webhook = hooks.registry.get("a")
    assert webhook and webhook.state == State() and endpoint.received == ["A/2", "B/1"]


def test_an_endpoint_that_comes_back_gets_everything_after_one_request() -> None:
    hooks = Webhooks(concurrency=10)
    endpoint = hooks.add("a", lambda event_id, number: failed(503))
    hooks.announce(*(f"{number}/1" for number in range(100)))
    hooks.run(HOUR)
    endpoint.verdict = lambda event_id, number: OK
    hooks.run(HOUR)
    untried = 100 - len(set(endpoint.requests) - set(endpoint.received))
    assert len(endpoint.received) >= untried - 20
    hooks.run(3 * HOUR)
    assert sorted(endpoint.received) == sorted(f"{number}/1" for number in range(100))
    webhook = hooks.registry.get("a")
    assert webhook and webhook.state == State()


def test_410_switches_a_webhook_off_with_the_reason() -> None:
    hooks = Webhooks(concurrency=1)
    endpoint = hooks.add("a", lambda event_id, number: failed(410))
    hooks.announce("A/1", "B/1")
    sent = hooks.send()
    assert sent.switched_off == "the endpoint answered 410 Gone"
    assert endpoint.requests == ["A/1"]
    # Nothing is sent any more, and nothing is queued.
    hooks.announce("C/1")
    assert hooks.send().failed == 0 and hooks.tick() == []
    assert hooks.deliveries.counts("a") == (2, 0)


@pytest.mark.parametrize("status", [301, 400, 404, 500])
def test_everything_but_2xx_is_a_failure(status: int) -> None:
    hooks = Webhooks()
    endpoint = hooks.add("a", lambda event_id, number: failed(status) if number == 1 else OK)
    hooks.announce("A/1")
    sent = hooks.send()
    # The first retry follows in the same invocation.
    assert (sent.failed, sent.succeeded, endpoint.requests) == (1, 1, ["A/1", "A/1"])


@pytest.mark.parametrize(("said", "waited"), [(90.0, 90.0), (1e9, HOUR)])
def test_retry_after_pauses_the_endpoint_within_bounds(said: float, waited: float) -> None:
    hooks = Webhooks(concurrency=1)
    times: list[float] = []

    def verdict(event_id: str, number: int) -> Answer:
        times.append(hooks.now)
        return failed(429, said) if number == 1 else OK

    hooks.add("a", verdict)
    hooks.announce("A/1", "B/1")
    hooks.run(2 * HOUR)
    assert waited <= times[1] - times[0] <= waited + 120
    assert len(times) == 3


def test_an_address_that_is_refused_when_sending_is_a_failure_of_the_endpoint() -> None:
    hooks = Webhooks()
    endpoint = hooks.add()
    hooks.refused_urls.add("https://a.example/")
    hooks.announce("A/1")
    hooks.send(seconds=30)
    assert endpoint.requests == []
    webhook = hooks.registry.get("a")
    assert webhook and "which is not public" in webhook.state.last_error and webhook.state.paused_until > 0


def test_only_one_sender_serves_an_endpoint_at_a_time() -> None:
    hooks = Webhooks()
    second = []

    def verdict(event_id: str, number: int) -> Answer:
        second.append(hooks.send().succeeded)
        return OK

    endpoint = hooks.add("a", verdict)
    hooks.announce("A/1", "A/2")
    assert hooks.send().succeeded == 2
    assert second == [0, 0] and endpoint.received == ["A/1", "A/2"]


def test_a_lease_that_its_sender_never_gave_back_ends_after_its_invocation() -> None:
    hooks = Webhooks()
    endpoint = hooks.add()
    hooks.announce("A/1")
    assert hooks.registry.acquire("a", "dead", hooks.now, hooks.now + 130)
    assert hooks.send().succeeded == 0
    hooks.now += 131
    assert hooks.send().succeeded == 1
    # Its state does not overwrite the one of the sender after it.
    hooks.registry.release("a", "dead", State(off="x"))
    webhook = hooks.registry.get("a")
    assert webhook and not webhook.state.off and endpoint.received == ["A/1"]


def test_what_was_queued_while_a_sender_was_finishing_is_sent_by_it() -> None:
    hooks = Webhooks()
    endpoint = hooks.add()
    hooks.announce("A/1")
    waits: list[float] = []

    def sleep(seconds: float) -> None:
        if not waits:
            hooks.announce("A/2")
        waits.append(seconds)
        hooks.now += seconds

    hooks.sender(sleep).run("a", "o", lambda: 120.0)
    assert endpoint.received == ["A/1", "A/2"]


def test_a_sender_stops_while_there_is_time_for_one_more_answer() -> None:
    hooks = Webhooks(concurrency=1)
    left = [30.0]

    def verdict(event_id: str, number: int) -> Answer:
        left[0] -= 6
        return OK

    endpoint = hooks.add("a", verdict)
    hooks.announce("A/1", "A/2", "A/3")
    hooks.sender().run("a", "o", lambda: left[0])
    assert endpoint.received == ["A/1"]
    assert hooks.send().succeeded == 2


def test_a_webhook_that_is_removed_meanwhile_gets_nothing_more() -> None:
    hooks = Webhooks(concurrency=1)

    def verdict(event_id: str, number: int) -> Answer:
        hooks.registry.remove("a")
        list(hooks.deliveries.remove_all("a"))
        return OK

    endpoint = hooks.add("a", verdict)
    hooks.announce(*(f"{number}/1" for number in range(30)))
    hooks.send()
    assert len(endpoint.requests) == 1
    assert list(rows(hooks.tables)) == [] and hooks.registry.all() == []


def test_the_order_of_an_id_that_begins_with_another_id_is_another_order() -> None:
    hooks = Webhooks()
    endpoint = hooks.add("a", lambda event_id, number: failed() if event_id == "A/1/1" else OK)
    hooks.announce("A/1/1", "A/1", "A/2")
    hooks.send(seconds=30)
    assert endpoint.received == ["A/1", "A/2"]


def test_dead_letters_are_sent_again_when_they_are_redriven_alone_or_all() -> None:
    hooks = Webhooks()
    endpoint = hooks.add("a", lambda event_id, number: failed(400) if event_id[0] in "AB" else OK)
    hooks.announce("A/1", "A/2", "B/1", "C/1")
    for _ in range(80):
        hooks.run(HOUR)
        hooks.announce(f"D/{int(hooks.now)}")
    assert hooks.deliveries.counts("a")[1] >= 2
    endpoint.verdict = lambda event_id, number: OK
    assert len(list(hooks.deliveries.redrive("a", hooks.now, "A"))) == 2
    hooks.send()
    assert [one for one in endpoint.received if one[0] in "AB"] == ["A/1", "A/2"]
    list(hooks.deliveries.redrive("a", hooks.now))
    hooks.send()
    assert hooks.deliveries.counts("a") == (0, 0)
    assert "B/1" in endpoint.received


def test_what_is_read_in_pages_is_all_of_it() -> None:
    hooks = Webhooks()
    hooks.add()
    hooks.announce(*(f"A/{version}" for version in range(1, 12)), *(f"{number}/1" for number in range(12)))
    hooks.tables.page = 3
    table: Deliveries = hooks.deliveries
    assert [one.version for one in table.pending("a", "A")] == list(range(1, 12))
    assert table.counts("a") == (23, 0)
    assert len(list(table.remove_all("a"))) == 23
    assert list(rows(hooks.tables)) == []
