"""One event is checked before it is sent, and what failed can be sent again as the same event."""

from __future__ import annotations

import json
from concurrent.futures import Future
from typing import Any

import pytest

from orderstream.client import DeliveryError, RecordMetadata
from orderstream.errors import CloudError, InputError
from orderstream.ingest.events import send_event
from orderstream.recovery.patch import parse_patch
from tests.unit.client.fakes import Stream


class Down(Stream):
    """Takes nothing."""

    def send_json(self, raw: bytes) -> Future[RecordMetadata]:
        self.records.append(raw)
        failed: Future[RecordMetadata] = Future()
        failed.set_exception(DeliveryError("no answer", attempts=3, order_id="A-1"))
        return failed


def sent(stream: Stream, *settings: str, **fields: Any) -> dict[str, Any]:
    """The event that is sent of order A-1."""
    patches = [parse_patch(one) for one in settings]
    send_event(stream, {"order_id": "A-1"} | fields, patches)  # type: ignore[arg-type]
    found: dict[str, Any] = json.loads(stream.records[-1])
    return found


def test_an_event_has_the_fields_that_are_given_and_an_id() -> None:
    event = sent(Stream(), event="captured", amount="19.90", currency=None)
    assert event.keys() == {"order_id", "event", "amount", "event_id"}
    assert sent(Stream(), event="paid", seq=2) == {"order_id": "A-1", "event": "paid", "seq": 2}


def test_any_field_can_be_set_also_the_items_of_an_amendment() -> None:
    items = '[{"sku": "tea", "quantity": 1, "unit_price": 9.95}]'
    event = sent(Stream(), f"items={items}", "by.name=Jo", event="amended", seq=1)
    assert event["items"] == json.loads(items) and event["by"] == {"name": "Jo"}


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"event": "flown"}, "must be one of amended, cancelled"),
        ({"event": "refunded"}, r"\$.amount is required"),
        ({"event": "paid", "amount": "-1"}, r"\$.amount"),
    ],
)
def test_an_invalid_event_is_not_sent(fields: dict[str, Any], why: str) -> None:
    stream = Stream()
    with pytest.raises(InputError, match=why):
        sent(stream, **fields)
    assert not stream.records


def test_the_hint_of_a_failure_has_the_id_with_which_it_is_the_same_event() -> None:
    stream = Down()
    with pytest.raises(CloudError) as failed:
        sent(stream, event="paid")
    assert failed.value.hint.endswith(f"--event-id {json.loads(stream.records[0])['event_id']}")
    with pytest.raises(DeliveryError, match="no answer"):
        sent(stream, event="paid", seq=1)
