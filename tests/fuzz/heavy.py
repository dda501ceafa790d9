"""The heavy records of the fuzzing: bombs, and whatever fills a mebibyte; and how aggregates are made."""

from __future__ import annotations

import gzip
import hashlib
import random
from functools import cache

from aws_kinesis_agg import aggregator

from orderstream.domain.decode import AGGREGATE_MAGIC
from orderstream.domain.order import MAX_BYTES

Dice = random.Random
MIB = 2**20


@cache
def every_bomb() -> tuple[bytes, ...]:
    """A hundred mebibytes of nothing, nothing inside of nothing, and others that expand."""
    bomb = gzip.compress(b" " * (100 * MIB), compresslevel=1, mtime=0)
    return (
        bomb,
        gzip.compress(b'{"customer_id":"' + b"x" * (50 * MIB), compresslevel=1, mtime=0),
        gzip.compress(gzip.compress(bomb, mtime=0), mtime=0),
        gzip.compress(AGGREGATE_MAGIC + bytes(20 * MIB), compresslevel=1, mtime=0),
    )


def bombs(dice: Dice) -> bytes:
    bomb = dice.choice(every_bomb())
    return bomb if dice.random() < 0.7 else bomb[: dice.randrange(len(bomb))]


def huge(dice: Dice) -> bytes:
    """A record of up to a mebibyte, most of them just within the bounds of an order."""
    size = dice.choice((MAX_BYTES, MAX_BYTES, MAX_BYTES, MIB)) - 100 - dice.randrange(1000)
    head = b'{"customer_id":"c","amount":1,"x":'
    line = b'{"sku":"s","quantity":1,"unit_price":1},'
    count = size // len(line)
    return dice.choice(
        (
            lambda: head + b'"' + b"x" * size + b'"}',
            lambda: head + b'"' + b"\\u00e9" * (size // 6) + b'"}',
            lambda: head + b"1" * size + b"}",
            lambda: head + b"0." + b"1" * size + b"}",
            lambda: head + b"[" + b"1.5," * (size // 4) + b"1]}",
            lambda: head + b"[" * size,
            lambda: head + b"{" + b",".join(b'"%d":1' % n for n in range(size // 10)) + b"}}",
            lambda: head + b"1" + b',"x":1' * (size // 6) + b"}",
            lambda: b'{"customer_id":"c","amount":"' + b"1" * size + b'"}',
            lambda: b'{"customer_id":"c","amount":-' + b"1" * size + b"}",
            lambda: b'{"customer_id":"c","amount":1e' + b"1" * size + b"}",
            lambda: b'{"customer_id":"c","amount":%d,"items":[%b]}' % (count, (line * count)[:-1]),
            lambda: b'{"customer_id":"c","amount":1,"items":[' + (b"{}," * (size // 3))[:-1] + b"]}",
            lambda: b'{"customer_id":"c","amount":1,"items":[' + (b"0," * (size // 2))[:-1] + b"]}",
            lambda: b" " * size,
            lambda: dice.randbytes(size),
            lambda: gzip.compress(dice.randbytes(size), compresslevel=1, mtime=0),
            lambda: aggregate([b'{"customer_id":"c","amount":1}' + b" " * 500] * (size // 600)),
        )
    )()


def aggregate(bodies: list[bytes], key: str = "") -> bytes:
    """An aggregate of the bodies, under one partition key or three of them in turn."""
    maker = aggregator.RecordAggregator()
    for number, body in enumerate(bodies):
        maker.add_user_record(key or f"key-{number % 3}", body)
    _, _, whole = maker.clear_and_get().get_contents()
    assert isinstance(whole, bytes)
    return whole


def sealed(message: bytes) -> bytes:
    """An aggregate with the right digest, whatever the message."""
    return AGGREGATE_MAGIC + message + hashlib.md5(message).digest()
