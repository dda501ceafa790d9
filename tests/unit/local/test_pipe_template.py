"""A pipe fills its parameters with values of a record, as AWS does."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from orderstream.aws.kinesis_event import EventOrigin, entry
from orderstream.errors import CloudError
from orderstream.local.pipe_template import check_template, parameter, pipe_event, render

STREAM = "arn:aws:kinesis:eu-west-1:000000000001:stream/OrderChanges"
ORIGIN = EventOrigin(STREAM, "shardId-0", "role")


def event_of(data: bytes) -> dict[str, Any]:
    return pipe_event(entry(ORIGIN, sequence_number="7", partition_key="A-1", data=data, arrived_at=1.5))


def test_a_pipe_has_the_members_of_a_record_side_by_side() -> None:
    event = event_of(b"{}")
    assert "kinesis" not in event and event["data"] == {}
    assert (event["partitionKey"], event["sequenceNumber"]) == ("A-1", "7")
    assert (event["eventID"], event["eventSourceARN"]) == ("shardId-0:7", STREAM)


@pytest.mark.parametrize("data", [b"plain text", b"\xff\xfe", b"{"])
def test_data_that_is_not_json_stays_in_base64(data: bytes) -> None:
    event = event_of(data)
    assert isinstance(event["data"], str)
    assert parameter("$.data.type", event) == ""


def test_a_template_keeps_what_it_names_with_every_digit_and_character() -> None:
    sent = {"id": 'A"1\\/3', "data": {"list": [1, "ü"], "no": None}}
    data = json.dumps(sent)[:-1] + ', "amount": 250.00, "huge": 123456789012345678901234567890.10}'
    text = render('{"id": <$.data.id>, "d": <$.data.data>, "a": [<$.data.amount>]}', event_of(data.encode()))
    assert json.loads(text, parse_float=Decimal) == {
        "id": 'A"1\\/3',
        "d": {"list": [1, "ü"], "no": None},
        "a": [Decimal("250.00")],
    }
    assert render("<$.data.huge>", event_of(data.encode())) == "123456789012345678901234567890.10"
    assert json.loads(render("[<$.data.other.one>]", event_of(data.encode()))) == [""]


def test_a_parameter_is_a_path_as_a_whole_or_a_text() -> None:
    event = event_of(b'{"type": "order.paid", "n": 3}')
    assert parameter("$.data.type", event) == "order.paid"
    assert parameter("$.data.n", event) == "3"
    assert parameter("type $.data.type", event) == "type $.data.type"


@pytest.mark.parametrize("placeholder", ["<$.data.items[0]>", "<aws.pipes.event.json>", "<$.data.*>"])
def test_what_is_not_supported_is_refused(placeholder: str) -> None:
    check_template('{"a": <$.data.a>, "b": "< 3"}')
    with pytest.raises(CloudError, match="does not support"):
        check_template(f'{{"a": {placeholder}}}')
