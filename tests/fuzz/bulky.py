"""Batches that are small to send and large to process: whatever could exhaust the function's memory."""

from __future__ import annotations

import gzip
import itertools
import random
from collections.abc import Callable, Iterator
from decimal import Context, Decimal

from aws_kinesis_agg.aggregator import messages_pb2

from orderstream.domain.order import MAX_BYTES
from tests.fuzz.heavy import MIB, sealed

Dice = random.Random
# An invocation carries 6 MiB: records in base64, each with metadata.
PAYLOAD_BYTES = 6 * MIB - 1000
METADATA_BYTES = 500
MOST_RECORDS = 10_000

_ROOMY = Context(prec=1000)
# sku, quantity and unit_price of an order's lines.
_LINES = (
    ("é", "1", "1E-130"),
    ("s", "1", "1"),
    ("é", "99999999999999999999", "0.1"),
    ("s", "1", "0"),
    ("s" * 250, "1", "1"),
)
_FAULTY_LINES = (b"{}", b"0", b'{"sku":""}', b'{"sku":"s","quantity":-1,"unit_price":"x"}', b"null")
# Values of a field that the model does not know.
_VALUES = (b"[]", b"{}", b"1.5", '"é"'.encode(), b'{"":1}', b"1", b"[[[]]]", b'{"a":{"a":{}}}', b'"\\u0001"')


def fill(make: Callable[[], bytes], most: int = MOST_RECORDS) -> list[bytes]:
    """As many of the records that `make` makes as one invocation carries."""
    found: list[bytes] = []
    room = PAYLOAD_BYTES
    while len(found) < most:
        data = make()
        room -= -(-len(data) // 3) * 4 + METADATA_BYTES
        if room < 0:
            break
        found.append(data)
    return found


def order_of_items(dice: Dice, size: int) -> bytes:
    """A valid order of many lines."""
    sku, quantity, price = dice.choice(_LINES)
    line = f'{{"sku":"{sku}","quantity":{quantity},"unit_price":{price}}}'
    count = max(1, size // (len(line.encode()) + 1))
    total = _ROOMY.multiply(_ROOMY.multiply(Decimal(quantity), Decimal(price)), Decimal(count))
    # Lines that cost nothing need one that does.
    lines = [line] * count + ([] if total else ['{"sku":"s","quantity":1,"unit_price":1}'])
    head = f'{{"customer_id":"c","amount":{total or 1},"n":{dice.random()},"items":['
    return (head + ",".join(lines) + "]}").encode()


def order_of_values(dice: Dice, size: int) -> bytes:
    """A valid order with a field, unknown to the model, of many small values."""
    value = dice.choice(_VALUES)
    many = b",".join([value] * (size // (len(value) + 1)))
    return b'{"customer_id":"c","amount":%d,"x":[%b]}' % (dice.randint(1, 10**9), many)


def faulty_order(dice: Dice, size: int) -> bytes:
    """An order with a fault in each of its lines."""
    line = dice.choice(_FAULTY_LINES)
    many = b",".join([line] * max(1, size // (len(line) + 1)))
    return b'{"customer_id":"c","amount":1,"items":[%b]}' % many


def not_json(dice: Dice, size: int) -> bytes:
    """What only Python's lenient parser reads."""
    value = dice.choice((b"NaN", b"1", b"{}", b"1.5"))
    return b'{"x":[%b,NaN]}' % b",".join([value] * (size // (len(value) + 1)))


BODIES = (order_of_items, order_of_values, faulty_order, not_json)


def zipped(data: bytes) -> bytes:
    return gzip.compress(data, mtime=0)


def a_size(dice: Dice) -> int:
    """Of an order: mostly the largest that is taken."""
    return MAX_BYTES - 300 if dice.random() < 0.5 else int(10 ** dice.uniform(1.5, 5.6)) - 300


def aggregate_of(bodies: Iterator[bytes], size: int, key: str = "k") -> bytes:
    """An aggregate of about `size` bytes, all under one partition key."""
    message = messages_pb2.AggregatedRecord()
    message.partition_key_table.append(key)
    room = size - len(key)
    for body in bodies:
        room -= len(body) + 8
        if room < 0:
            break
        entry = message.records.add()
        entry.partition_key_index = 0
        entry.data = body
    return sealed(message.SerializeToString())


def _full_of(body: bytes, size: int, key: str = "k") -> list[bytes]:
    """The same aggregate again and again, with the same body again and again."""
    one = aggregate_of(itertools.repeat(body), size, key)
    return fill(lambda: one)


def compressed_aggregates(dice: Dice) -> list[bytes]:
    """Aggregates of compressed orders."""
    body = zipped(dice.choice(BODIES)(dice, a_size(dice)))
    return _full_of(body, int(10 ** dice.uniform(4, 6.6)))


def shared_keys(dice: Dice) -> list[bytes]:
    """Aggregates whose records share one long partition key."""
    key = dice.choice(("k", "\x01", "é")) * dice.choice((128, 255, 256, 50_000))
    body = dice.choice((b"", b"{}", b'{"customer_id":"c","amount":1}'))
    return _full_of(body, int(10 ** dice.uniform(5, 6.6)), key)


def empty_records(dice: Dice) -> list[bytes]:
    """Aggregates of hundreds of thousands of records with nothing, or next to nothing, in them."""
    return _full_of(dice.choice((b"", b"0", b"{}")), int(10 ** dice.uniform(5, 6.6)))


def odd_aggregates(dice: Dice) -> list[bytes]:
    """Aggregates full of what is no record: keys, tags, unknown fields."""
    size = int(10 ** dice.uniform(5, 6.6))
    part = dice.choice((b"\x0a\x00", b"\x12\x00", b"\x1a\x04\x08\x00\x1a\x00", b"\x78\x00"))
    if dice.random() < 0.3:
        tags = b"\x22\x02\x0a\x00" * (size // 4)
        body = b"\x08\x00\x1a\x00" + tags
        part = b"\x0a\x00\x1a" + _varint(len(body)) + body
        return fill(lambda: sealed(part))
    data = sealed(b"\x0a\x01k" + part * (size // len(part)) + b"\x1a\x04\x08\x00\x1a\x00")
    return fill(lambda: data)


def _varint(number: int) -> bytes:
    parts = []
    while number > 127:
        parts.append(number & 127 | 128)
        number >>= 7
    return bytes([*parts, number])


def compressed_orders(dice: Dice) -> list[bytes]:
    """Records that are compressed orders, as large as they may be."""
    body = dice.choice(BODIES)
    ready = [zipped(body(dice, a_size(dice))) for _ in range(20)]
    return fill(lambda: dice.choice(ready), dice.choice((1000, MOST_RECORDS)))


def plain_orders(dice: Dice) -> list[bytes]:
    """Records that are orders, from tiny ones to the largest."""
    body, size = dice.choice(BODIES), a_size(dice)
    return fill(lambda: body(dice, size))


def many_reasons(dice: Dice) -> list[bytes]:
    """Bad orders with as many reasons as can be."""
    count = dice.choice((100, 500, 5000))
    return fill(lambda: faulty_order(dice, 5_500_000 // count - METADATA_BYTES), count)


def conflicts(dice: Dice) -> list[bytes]:
    """Small orders that are each in conflict with one that is there."""
    numbers = itertools.count()
    customer = "c" * dice.choice((1, 256))
    is_same = dice.random() < 0.3

    def order() -> bytes:
        name = "same" if is_same else f"taken-{next(numbers)}"
        return f'{{"order_id":"{name}","customer_id":"{customer}","amount":{next(numbers) + 1}}}'.encode()

    if dice.random() < 0.5:
        return fill(order)
    return fill(lambda: aggregate_of((order() for _ in itertools.count()), 2**20))


def bytes_of_one_kind(dice: Dice) -> list[bytes]:
    """Records that are no JSON, and grow when they are written into it."""
    size = int(10 ** dice.uniform(2, 6.6))
    data = dice.choice((b"\0" * size, b'"' * size, b"\xff" * size, "é".encode() * (size // 2), b"\n" * size))
    return fill(lambda: data)


def tiny_records(dice: Dice) -> list[bytes]:
    """As many records as a batch can have."""
    data = dice.choice((b"", b"{}", b"0", b'{"customer_id":"c","amount":1}'))
    return fill(lambda: data)


_SHAPES = (
    *(compressed_aggregates, shared_keys, empty_records, odd_aggregates, compressed_orders, plain_orders),
    *(many_reasons, conflicts, bytes_of_one_kind, tiny_records),
)
SHAPES = {make.__name__.replace("_", " "): make for make in _SHAPES}
