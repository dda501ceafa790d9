"""How changes get into the queue: once, in order, for those that want them; and what an erasure leaves."""

from __future__ import annotations

import json

import msgspec

from orderstream.webhooks.announced_change import MOST_BYTES, announced_change
from tests.unit.webhooks.fake_tables import rows
from tests.unit.webhooks.harness import OK, Webhooks, failed, raw_record

HOUR = 3600.0


def test_a_change_is_queued_for_each_webhook_that_wants_it_and_their_senders_are_started() -> None:
    hooks = Webhooks()
    hooks.add("all")
    hooks.add("paid", lambda event_id, number: OK, "paid")
    hooks.add("nothing", lambda event_id, number: OK, "returned")
    assert hooks.announce("A/1", "A/2 paid") == []
    assert hooks.started == ["all", "paid"]
    for name in ("all", "paid", "nothing"):
        hooks.send(name)
    assert [hooks.endpoints[name].received for name in ("all", "paid", "nothing")] == [
        ["A/1", "A/2"],
        ["A/2"],
        [],
    ]


def test_a_change_that_is_announced_again_is_sent_once_before_and_after_its_delivery() -> None:
    hooks = Webhooks()
    endpoint = hooks.add()
    records = [hooks.record("A/1"), hooks.record("A/2 paid")]
    hooks.queue(records)
    hooks.queue(records)
    hooks.send()
    hooks.started = []
    hooks.queue(records)
    # The feed itself may repeat: the same content in another record.
    hooks.announce("A/1", "A/2 paid", "A/2 paid")
    assert hooks.started == []
    hooks.send()
    assert endpoint.received == ["A/1", "A/2"]


def test_no_version_is_queued_before_the_one_before_it() -> None:
    hooks = Webhooks()
    endpoint = hooks.add()
    hooks.tables.refuse = lambda key: "ThrottlingError" if key.startswith("A/0000000001") else None
    assert hooks.announce("A/1", "B/1", "A/2", "B/2", "A/3", seconds=5.0) == ["1", "3", "5"]
    hooks.send()
    assert endpoint.received == ["B/1", "B/2"]
    assert "ThrottlingError" in json.loads(hooks.log.getvalue())["problems"]


def test_what_the_table_never_takes_is_said_and_holds_nothing_back() -> None:
    hooks = Webhooks()
    endpoint = hooks.add()
    hooks.tables.refuse = lambda key: "ValidationError" if key.startswith("A/0000000001") else None
    assert hooks.announce("A/1", "A/2") == []
    assert "A/1 was refused" in hooks.log.getvalue()
    hooks.send()
    assert endpoint.received == ["A/2"]


def test_records_that_are_no_changes_are_counted_and_ignored() -> None:
    hooks = Webhooks()
    hooks.add()
    bodies = [b"", b"\xff", b"{}", b"[1]", b'{"id":"A/1","type":"x","subject":"A","data":{"version":1}}']
    records = [raw_record(body, number) for number, body in enumerate(bodies, start=1)]
    assert hooks.queue([*records, hooks.record("A/1")]) == []
    line = json.loads(hooks.log.getvalue())
    assert line["queued"] == 1 and line["problems"] == ["5 records are no changes of orders"]


def test_after_an_erasure_only_the_erasure_is_delivered_and_no_content_is_left() -> None:
    hooks = Webhooks()
    endpoint = hooks.add("a", lambda event_id, number: failed(400) if event_id == "A/1" else OK)
    paid = hooks.add("paid", lambda event_id, number: OK, "paid")
    hooks.announce("A/1", "A/2", "A/3", "B/1")
    hooks.send(seconds=30)
    hooks.announce("A/4 erased")
    assert [
        row["DeliveryKey"][:12] for row in rows(hooks.tables) if row.get("Body") and row["WebhookID"] == "a"
    ]
    assert not [row for row in rows(hooks.tables) if '"A/3"' in row.get("Body", "")]
    hooks.send()
    hooks.send("paid")
    assert endpoint.received == ["B/1", "A/4"]
    # Whoever has data of an order must delete it, whatever else it wants to know.
    assert paid.received == ["A/4"]


def test_an_erasure_removes_dead_letters_and_what_waits_for_webhooks_that_are_off() -> None:
    hooks = Webhooks(concurrency=1)
    hooks.add("off", lambda event_id, number: failed(410))
    hooks.add("a", lambda event_id, number: failed(400) if event_id == "A/1" else OK)
    hooks.announce("A/1")
    hooks.send("off")
    for _ in range(80):
        hooks.run(HOUR)
        hooks.announce(f"D/{int(hooks.now)}")
    assert hooks.deliveries.counts("a")[1] == 1
    hooks.announce("A/2 erased")
    assert hooks.deliveries.counts("a")[1] == 0
    assert not [row for row in rows(hooks.tables) if '"A/1"' in row.get("Body", "")]


def test_in_one_batch_an_erasure_makes_void_what_is_before_it_and_nothing_behind_it() -> None:
    hooks = Webhooks()
    endpoint = hooks.add()
    batch = [hooks.record(one) for one in ("A/1", "A/2 paid", "A/3 erased")]
    hooks.queue([*batch, hooks.record("A/1", again=True)])
    hooks.send()
    assert endpoint.received == ["A/3", "A/1"]
    # When the feed repeats all of that, nothing rises from the dead.
    again = [hooks.record(one) for one in ("A/1", "A/2 paid", "A/3 erased")]
    hooks.queue(again)
    hooks.send()
    assert endpoint.received == ["A/3", "A/1"]


def test_an_order_that_begins_anew_follows_the_erasure_of_the_one_before() -> None:
    hooks = Webhooks()
    endpoint = hooks.add("a", lambda event_id, number: failed(503))
    hooks.announce("A/1", "A/2 erased")
    hooks.send(seconds=30)
    hooks.queue([hooks.record("A/1", again=True), hooks.record("A/2 paid")])
    endpoint.verdict = lambda event_id, number: OK
    hooks.run(HOUR)
    assert endpoint.received == ["A/2", "A/1", "A/2"]


def test_a_large_announcement_is_delivered_without_its_items_and_keeps_its_digits() -> None:
    order = {"Items": ["x" * MOST_BYTES], "Total": msgspec.Raw(b"1.10")}
    event = {"event": "amended", "items": ["x"], "amount": msgspec.Raw(b"1.10")}
    body = msgspec.json.encode(
        {
            "id": "A/2",
            "type": "orderstream.order.amended",
            "subject": "A",
            "data": {"version": 2, "order": order, "event": event},
        }
    )
    found = announced_change(body, "1")
    assert found and found.event_id == "A/2"
    assert found.body == (
        b'{"id":"A/2","type":"orderstream.order.amended","subject":"A","data":{"version":2,'
        b'"order":{"Total":1.10},"event":{"event":"amended","amount":1.10},"truncated":true}}'
    )


def test_the_schedule_starts_what_is_due_and_measures_the_oldest() -> None:
    hooks = Webhooks()
    hooks.add("a", lambda event_id, number: failed(500))
    hooks.add("b")
    assert hooks.tick() == [] and json.loads(hooks.log.getvalue())["WebhookAge"] == 0
    hooks.announce("A/1")
    hooks.send("b")
    hooks.send("a", seconds=27)
    hooks.now += HOUR
    assert hooks.tick() == ["a"]
    # Since it was queued, however often it was tried.
    assert json.loads(hooks.log.getvalue())["WebhookAge"] >= 3600


def test_without_webhooks_the_schedule_measures_nothing() -> None:
    hooks = Webhooks()
    assert hooks.tick() == [] and hooks.log.getvalue() == ""
    assert hooks.announce("A/1") == []
