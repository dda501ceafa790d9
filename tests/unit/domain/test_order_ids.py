"""Whatever an order id has in it, what goes on the stream is the order that was given, under that id."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from orderstream.api.ingest import ingest_order, ingest_orders
from orderstream.api.problems import ProblemError
from orderstream.client import RecordMetadata
from orderstream.client.serialization import encode_order, ensure_order_id
from orderstream.domain.decode import decode
from orderstream.domain.fields import InvalidValue
from orderstream.domain.order import MAX_BYTES, order_id_rule
from orderstream.ingest.order_reader import InputLine
from orderstream.ingest.send import send_lines
from orderstream.recovery.patch import parse_patch, patched
from tests.unit.client.fakes import Stream

INJECTION = 'x","amount":0.01,"customer_id":"victim","note":"'
HOSTILE = [INJECTION, '"', "\\", '\\"', "a\\", "\\u0022", "a/b", "{}", "%22", "'", "$(id)", "</script>"]
ORDER = b'{ "customer_id":"c",  "amount": 19.90}'


def is_an_id(text: str) -> bool:
    try:
        return order_id_rule(text) == text
    except InvalidValue:
        return False


ids = st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=128).filter(is_an_id)
blank = st.text(" \t\r\n", max_size=2)
number = st.from_regex(r"-?(0|[1-9][0-9]{0,20})(\.[0-9]{1,20})?([eE][+-]?[0-9]{1,2})?", fullmatch=True)
name = st.text(st.characters(exclude_categories=["Cs"]), max_size=4)


def object_of(members: list[tuple[str, str]]) -> str:
    return "{" + ",".join(f" {json.dumps(key)}:{value}\t" for key, value in members) + "}"


# JSON as text, so that numbers are spelt in every way there is.
value = st.recursive(
    number | st.just("null") | name.map(json.dumps),
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda parts: f"[{' , '.join(parts)}]")
        | st.lists(st.tuples(name, inner), max_size=3).map(object_of)
    ),
    max_leaves=5,
)


@st.composite
def orders(draw: st.DrawFn) -> bytes:
    """An order without an id, as a shop may write it."""
    more = draw(st.lists(st.tuples(name, value), max_size=3))
    members = [("customer_id", '"c"'), ("amount", draw(st.sampled_from(["1", '"19.90"', "2.50", "1e2"])))]
    return f"{draw(blank)}{object_of(draw(st.permutations(members + more)))}{draw(blank)}".encode()


def text_of(data: bytes) -> dict[str, Any]:
    """The document, with every number as it is spelt."""
    found: dict[str, Any] = json.loads(data, parse_float=str, parse_int=str)
    return found


def values_of(data: bytes) -> dict[str, Any]:
    """The document, with every number as it counts."""
    found: dict[str, Any] = json.loads(data, parse_float=Decimal, parse_int=Decimal)
    return found


@given(ids, orders())
@example(INJECTION, ORDER)
def test_an_id_is_put_into_an_order_and_every_other_byte_stays(order_id: str, raw: bytes) -> None:
    data, said, _ = ensure_order_id(raw, lambda: order_id)
    brace = raw.index(b"{") + 1
    assert said == order_id
    assert data.startswith(raw[:brace]) and data.endswith(raw[brace:])
    assert text_of(data) == text_of(raw) | {"order_id": order_id}
    before, after = decode(raw), decode(data)
    assert before.order and after.order
    assert after.order == msgspec.structs.replace(before.order, order_id=order_id)
    assert after.fingerprint == before.fingerprint


@given(ids, orders())
@example(INJECTION, ORDER)
def test_a_record_is_mended_under_any_identity_and_set_to_any_id(order_id: str, raw: bytes) -> None:
    data, said = patched(raw, order_id)
    assert (said, text_of(data)) == (order_id, text_of(raw) | {"order_id": order_id})
    data, said = patched(raw, "another", [parse_patch(f"order_id={json.dumps(order_id)}")])
    assert said == order_id
    # Numbers may be spelt in another way, but keep every digit.
    assert values_of(data) == values_of(raw) | {"order_id": order_id}


@given(ids)
@example(INJECTION)
def test_an_id_of_an_order_in_python_is_that_of_its_json(order_id: str) -> None:
    data, said, _ = encode_order({"order_id": order_id, "customer_id": "c", "amount": 1})
    found = decode(data).order
    assert found and said == found.order_id == order_id


class Numbered(str, Enum):  # noqa: UP042 - whose str() is not its value
    ONE = "A-1"


@pytest.mark.parametrize(
    "order_id", [Numbered.ONE, UUID(int=7), datetime(2026, 11, 22, tzinfo=UTC), 5, True, ["a"]], ids=repr
)
def test_the_id_of_a_receipt_is_the_one_in_the_json_whatever_type_it_had(order_id: object) -> None:
    data, said, _ = encode_order({"order_id": order_id, "customer_id": "c", "amount": 1})
    found = json.loads(data)["order_id"]
    assert said == (found if isinstance(found, str) else json.dumps(found))
    assert said == ensure_order_id(data)[1]


def posted(body: bytes, key: str | None = None) -> tuple[str, bytes]:
    """What the API answers is the id of the order, and the record on the stream."""
    stream: Any = Stream()
    answer = asyncio.run(ingest_order(stream, body, key))
    (record,) = stream.records
    return answer["order_id"], record


@pytest.mark.parametrize("order_id", HOSTILE)
def test_an_idempotency_key_is_the_id_and_changes_nothing_else(order_id: str) -> None:
    said, record = posted(ORDER, order_id)
    found = decode(record).order
    assert found and said == found.order_id == order_id
    assert (found.customer_id, str(found.amount)) == ("c", "19.9")
    assert record.endswith(ORDER[1:])


@pytest.mark.parametrize("order_id", HOSTILE)
def test_an_id_in_the_body_goes_on_as_it_came(order_id: str) -> None:
    body = b'{"order_id":%b,"customer_id":"c","amount":1}' % json.dumps(order_id).encode()
    assert posted(body) == posted(body, order_id) == (order_id, body)
    stream: Any = Stream()
    (answer,) = asyncio.run(ingest_orders(stream, b"[%b]" % body))
    assert (answer["order_id"], stream.records) == (order_id, [body])


def largest() -> bytes:
    """An order without an id, of as many bytes as an order may have."""
    start, end = b'{"customer_id":"c","amount":1,"note":"', b'"}'
    body = start + b"x" * (MAX_BYTES - len(start) - len(end)) + end
    assert decode(body).order
    return body


def test_the_api_refuses_an_order_that_its_id_makes_too_large() -> None:
    with pytest.raises(ProblemError) as refused:
        posted(largest(), "A-1")
    assert (refused.value.status, refused.value.errors[0].code) == (422, "too_large")


def test_orders_send_refuses_an_order_that_its_id_makes_too_large() -> None:
    faults: list[str] = []
    receipts: list[RecordMetadata] = []
    lines = [InputLine("line 1", largest()), InputLine("line 2", ORDER)]
    stream: Any = Stream()
    tally = send_lines(stream, lines, check=True, on_receipt=receipts.append, on_fault=faults.append)
    assert (tally.sent, tally.failed, len(receipts)) == (1, 1, 1)
    (fault,) = faults
    assert fault.startswith("line 1: $ has more than the 409600 bytes")
