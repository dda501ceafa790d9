"""Events as Lambda hands them over, with orders of about 60 or 600 bytes, the same for the same seed."""

from __future__ import annotations

import base64
import json
import random
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache

SIZES = [60, 600]
SHARD = "shardId-000000000006"
FIRST_NUMBER = 49590338271490256608559692538361571095921575989136588898
# Of what Lambda hands to a function.
MAX_EVENT_BYTES = 6 * 1024 * 1024

_FIRST = ("Ada", "Bao", "Chloe", "Dev", "Elif", "Femi", "Goran", "Hana", "Ines", "Jonas", "Kofi", "Lucía")
_LAST = ("Andersson", "Bianchi", "Chen", "Dvořák", "Eriksen", "Fischer", "García", "Haddad", "Ito", "Jansen")
_STREETS = ("Harbour Road", "Hauptstraße", "Rue de la Paix", "Via Roma", "Calle Mayor", "Kungsgatan")
_CITIES = ("Lisbon", "Lyon", "Leipzig", "Lund", "Ljubljana", "Limerick", "Lucca", "Leuven")
_WORDS = (
    "please leave the parcel with our neighbour ring twice gift wrap no plastic thank you fragile".split()
)


@dataclass(frozen=True)
class Traffic:
    """An event as JSON text, and what its orders come to."""

    event: bytes
    orders: int
    amount: Decimal


@lru_cache(1)
def traffic(orders: int, size: int, *, seed: int) -> Traffic:
    """So many orders of about `size` bytes (one of SIZES), but no more than Lambda hands over at a time."""
    dice = random.Random(f"{seed} {size}")
    records = []
    amount = Decimal(0)
    room = MAX_EVENT_BYTES - len('{"Records": []}')
    for number in range(orders):
        order, worth = (_small if size == SIZES[0] else _large)(dice, f"{seed:03d}-{number:06d}")
        record = json.dumps(_record(order.encode(), FIRST_NUMBER + seed * 1_000_000 + number, dice))
        room -= len(record) + len(", ")
        if room < 0:
            break
        records.append(record)
        amount += worth
    return Traffic(f'{{"Records": [{", ".join(records)}]}}'.encode(), len(records), amount)


@lru_cache(1)
def lifecycle_traffic(events: int, *, seed: int) -> bytes:
    """An event of Lambda with so many first events of orders, as JSON text: each of another order, paid."""
    dice = random.Random(f"{seed} events")
    records = []
    for number in range(events):
        event = {
            "order_id": f"{seed:03d}-{number:06d}",
            "event": "paid",
            "event_id": f"pay-{seed:03d}-{number:06d}",
            "seq": 1,
            "occurred_at": "2026-11-22T18:30:00Z",
            "amount": "19.90",
        }
        data = json.dumps(event, separators=(",", ":")).encode()
        records.append(_record(data, FIRST_NUMBER + seed * 1_000_000 + number, dice))
    return json.dumps({"Records": records}).encode()


def _small(dice: random.Random, order_id: str) -> tuple[str, Decimal]:
    amount = Decimal(dice.randint(100, 99999)) / 100
    return (
        f'{{"order_id":"{order_id}","customer_id":"{dice.randrange(99999):05d}","amount":{amount}}}',
        amount,
    )


def _large(dice: random.Random, order_id: str) -> tuple[str, Decimal]:
    # As many lines as the samples of `orders stack simulate` have.
    lines = []
    amount = Decimal(0)
    for _ in range(dice.choice((1, 1, 1, 2, 2, 3, 5))):
        quantity, cents = dice.randint(1, 4), dice.randint(99, 19999)
        amount += quantity * Decimal(cents) / 100
        sku = f"SKU-{dice.randrange(20_000):05d}"
        lines.append({"sku": sku, "quantity": quantity, "unit_price": cents / 100})
    hour, minute, second = dice.randrange(24), dice.randrange(60), dice.randrange(60)
    first, last = dice.choice(_FIRST), dice.choice(_LAST)
    order = {
        "order_id": order_id,
        "customer_id": f"C{dice.randrange(99999):05d}",
        "amount": "AMOUNT",
        "currency": dice.choice(("EUR", "EUR", "EUR", "USD", "GBP")),
        "order_date": f"2026-11-22T{hour:02d}:{minute:02d}:{second:02d}Z",
        "items": lines,
        "ship_to": {
            "name": f"{first} {last}",
            "street": f"{dice.choice(_STREETS)} {dice.randint(1, 200)}",
            "postcode": f"{dice.randrange(99999):05d}",
            "city": dice.choice(_CITIES),
        },
        "email": f"{first}.{last}{dice.randrange(999)}@example.org".lower(),
        "note": "",
    }
    words: list[str] = []
    text = json.dumps(order, ensure_ascii=False)
    while len(text.encode()) + len(" ".join(words)) < SIZES[1] - 4:
        words.append(dice.choice(_WORDS))
    order["note"] = " ".join(words)
    return json.dumps(order, ensure_ascii=False).replace('"AMOUNT"', str(amount)), amount


def _record(data: bytes, number: int, dice: random.Random) -> dict[str, object]:
    return {
        "kinesis": {
            "kinesisSchemaVersion": "1.0",
            "partitionKey": f"C{dice.randrange(99999):05d}",
            "sequenceNumber": str(number),
            "data": base64.b64encode(data).decode(),
            "approximateArrivalTimestamp": 1_795_373_990 + dice.randrange(1000) / 1000,
        },
        "eventSource": "aws:kinesis",
        "eventVersion": "1.0",
        "eventID": f"{SHARD}:{number}",
        "eventName": "aws:kinesis:record",
        "invokeIdentityArn": "arn:aws:iam::123456789012:role/orderstream-ProcessOrders",
        "awsRegion": "eu-west-1",
        "eventSourceARN": "arn:aws:kinesis:eu-west-1:123456789012:stream/OrderStream",
    }
