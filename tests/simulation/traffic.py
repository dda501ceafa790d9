"""What is sent in the simulation, and what each record means: the oracle that the pipeline is held to."""

from __future__ import annotations

import gzip
from dataclasses import dataclass
from typing import Literal

from aws_kinesis_agg import aggregator

from orderstream.domain.decode import AGGREGATE_MAGIC
from orderstream.domain.order import MAX_BYTES
from orderstream.ingest.samples import BAD
from orderstream.testing.event_source import FIRST_NUMBER
from tests.fuzz.heavy import aggregate

Kind = Literal[
    "order", "anonymous", "impostor", "refused", "event", "bad", "aggregate", "damaged", "oversized"
]

SHARDS = ("shardId-000000000000", "shardId-000000000001")

# All customers are called so: it must never be seen in a log.
CUSTOMER = "nobody"
# DynamoDB never takes what this customer orders.
REFUSED_CUSTOMER = f"{CUSTOMER}-refused"

BAD_RECORDS = (
    # The huge ones have tests of their own (tests/fuzz); here they would only cost time.
    *(data for data in BAD if len(data) < 1000),
    gzip.compress(b"{}"),
    gzip.compress(b'{"customer_id": "nobody", "amount": 1}')[:-3],
    AGGREGATE_MAGIC + b"neither a message nor its digest",
)

_ORDER = b'{"customer_id":"nobody","amount":1}'
# Valid aggregates that are not taken apart: what is in them expands, or a partition key is too long.
OVEREXPANDING = aggregate([gzip.compress(_ORDER + b" " * (MAX_BYTES - len(_ORDER)), mtime=0)] * 50)
LONG_KEY = aggregate([_ORDER], key="k" * 257)


# What happens to orders: by number, by time, by arrival; twice, late, too early, or against the rules.
_EVENTS = (
    '"event":"paid","seq":1,"amount":"0.50"',
    '"event":"packed","seq":2',
    '"event":"shipped","seq":3,"carrier":"nobody"',
    '"event":"cancelled","event_id":"c","occurred_at":"2026-11-22T18:00:00Z"',
    '"event":"captured","event_id":"k","amount":0.5',
    '"event":"refunded","event_id":"r","amount":"0.25"',
    '"event":"refunded","event_id":"s","amount":0.75,"occurred_at":"2026-11-22T20:00:00+02:00"',
    '"event":"amended","amount":2,"seq":2',
    # The same id with other content.
    '"event":"captured","event_id":"k","amount":0.75',
    '"event":"delivered","occurred_at":"2026-11-23T18:00:00Z"',
    # Without number 4 before it.
    '"event":"returned","seq":5',
    # Another event in each record.
    '"event":"captured","amount":"0.01"',
)


@dataclass(frozen=True)
class Spec:
    """A record as Hypothesis draws it: small numbers, so that ids and contents meet again and again."""

    kind: Kind
    number: int = 0
    variant: int = 0
    spelling: int = 0
    inner: tuple[Spec, ...] = ()


@dataclass(frozen=True)
class Sent:
    """A record that came out of the stream, by itself or in an aggregate.

    `content` is what an order says, however it is spelt; None for what is no order. `order_id` is what
    its item must be called, or the order that an event is of.
    """

    event_id: str
    data: bytes
    order_id: str = ""
    content: str | None = None
    refused: bool = False
    is_event: bool = False


def build(spec: Spec, event_id: str) -> tuple[bytes, list[Sent]]:
    """The bytes to put on the stream, and the records that they are."""
    if spec.kind == "oversized":
        # The first takes a hundred times as long as any other record.
        data = OVEREXPANDING if spec.number == 8 else LONG_KEY
        return data, [Sent(event_id, data)]
    if spec.kind not in ("aggregate", "damaged") or not spec.inner:
        data = _data(spec)
        return data, [_sent(spec, event_id, data)]
    maker = aggregator.RecordAggregator()
    for one in spec.inner:
        maker.add_user_record(f"inner-{one.number}", _data(one))
    _, _, body = maker.clear_and_get().get_contents()
    if spec.kind == "damaged":
        # One bit somewhere behind the magic bytes.
        place = len(AGGREGATE_MAGIC) + spec.number * 7 % (len(body) - len(AGGREGATE_MAGIC))
        body = body[:place] + bytes([body[place] ^ 1]) + body[place + 1 :]
        return body, [Sent(event_id, body)]
    inner = [_sent(one, f"{event_id}:{number}", _data(one)) for number, one in enumerate(spec.inner)]
    return body, inner


def _sent(spec: Spec, event_id: str, data: bytes) -> Sent:
    if spec.kind == "event":
        return Sent(event_id, data, f"A{spec.number}", is_event=True)
    if spec.kind not in ("order", "anonymous", "impostor", "refused"):
        return Sent(event_id, data)
    name = _name(spec)
    content = f"{spec.kind == 'refused'} {spec.variant}"
    return Sent(event_id, data, name or event_id, content, refused=spec.kind == "refused")


def _name(spec: Spec) -> str | None:
    if spec.kind == "anonymous":
        return None
    if spec.kind == "impostor":
        # The name that an order without one is called by.
        return f"{SHARDS[0]}:{FIRST_NUMBER + spec.number}"
    return f"A{spec.number}"


def _data(spec: Spec) -> bytes:
    if spec.kind == "event":
        event = _EVENTS[(spec.variant * 4 + spec.spelling) % len(_EVENTS)]
        return f'{{"order_id":"A{spec.number}",{event}}}'.encode()
    if spec.kind not in ("order", "anonymous", "impostor", "refused"):
        return BAD_RECORDS[(spec.number * 3 + spec.variant) % len(BAD_RECORDS)]
    name = _name(spec)
    amount = spec.variant + 1
    customer = REFUSED_CUSTOMER if spec.kind == "refused" else CUSTOMER
    plain = [f'"order_id":"{name}"'] if name else []
    plain += [f'"customer_id":"{customer}"', f'"amount":{amount}']
    other = [f'"amount": "{amount}.00"', f'"customer_id": "{customer}"']
    other += [f'"order_id": "{name}"'] if name else []
    if spec.variant == 1:
        plain.append('"order_date":"2026-11-22T20:00:00+02:00"')
        other.append('"order_date": "2026-11-22T18:00:00.000Z"')
    if spec.spelling == 1:
        return ("{" + ", ".join(other) + "}").encode()
    if spec.spelling == 2:
        return ("{\n  " + ",\r\n  ".join(other) + "\n}\n").encode()
    text = ("{" + ",".join(plain) + "}").encode()
    return gzip.compress(text, mtime=0) if spec.spelling == 3 else text
