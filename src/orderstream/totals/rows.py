"""The rows of the table Totals: their keys and attributes, in DynamoDB JSON.

Every row belongs to a generation, which a rebuild raises. There are rows of three kinds: a bucket with its
sums, what is counted of an order, and one row with the generation itself. Ids are in attributes; a key has
only their hash, which is as long for every id and cannot be forged by one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import ROUND_FLOOR, Context, Decimal
from hashlib import sha256
from typing import Any

import msgspec

from orderstream.domain.fields import MAX_DIGITS
from orderstream.pipeline.attributes import attribute_value, plain_value
from orderstream.totals.contribution import Bucket, Contribution, Sums, contribution

Row = dict[str, Any]

# A partition takes 1,000 writes of 1 KB a second, so an hour has several.
SPREAD = 8
META: Row = {"PK": {"S": "meta"}, "SK": {"S": "-"}}
_HOUR = len("2026-11-22T18")
_AMOUNTS = ("Total", "Captured", "Refunded")
# A number has 38 digits. So an amount is stored in parts of 20 digits each: the sum of a part has room for
# 10^18 orders. The first part has 12 digits before the decimal point, which is all that most amounts have.
_PART_DIGITS = 20
_FIRST_PLACE = -8
_EXACT = Context(prec=10 * MAX_DIGITS)


class OrderRow(msgspec.Struct, frozen=True):
    """What is counted of an order, and the position in the table's stream up to which it is."""

    position: str
    counted: Contribution | None


def bucket_key(generation: int, bucket: Bucket) -> Row:
    """The key of a bucket."""
    identity = msgspec.json.encode([bucket.customer, bucket.currency, bucket.status])
    name = sha256(identity).hexdigest()
    hour, minute = bucket.minute[:_HOUR], bucket.minute[_HOUR + 1 :]
    return _key(partition_of(generation, hour, int(name[0], 16) % SPREAD), f"{minute}/{name}")


def partition_of(generation: int, hour: str, number: int) -> str:
    """One of the SPREAD partition keys of an hour's buckets; `hour` is UTC text such as 2026-11-22T18."""
    return f"{generation}/{hour}/{number}"


def order_key(generation: int, order_id: str) -> Row:
    """The key of what is counted of an order."""
    return _key(f"{generation}/order/{sha256(order_id.encode()).hexdigest()}", "-")


def generation_of(row: Mapping[str, Any]) -> int | None:
    """The generation of a row by its key, None if that is the row with the generation itself."""
    name = row["PK"]["S"].partition("/")[0]
    return int(name) if name.isdecimal() else None


def bucket_texts(bucket: Bucket) -> Row:
    """The attributes that say which bucket a row is."""
    return {
        "Minute": {"S": bucket.minute},
        "CustomerID": {"S": bucket.customer},
        "Currency": {"S": bucket.currency},
        "Status": {"S": bucket.status},
    }


def sum_parts(sums: Sums) -> Row:
    """The attributes with the sums, without those that are zero."""
    found: Row = {"Orders": {"N": str(sums.orders)}} if sums.orders else {}
    for name, amount in zip(_AMOUNTS, (sums.total, sums.captured, sums.refunded), strict=True):
        for part, value in _parts(amount):
            found[f"{name}{part}"] = {"N": str(value)}
    return found


def bucket_of(row: Mapping[str, Any]) -> tuple[Bucket, Sums]:
    """A bucket and its sums, by its row."""
    texts = [row[name]["S"] for name in ("Minute", "CustomerID", "Currency", "Status")]
    amounts = dict.fromkeys(_AMOUNTS, Decimal(0))
    for name, value in row.items():
        if (amount := name.rstrip("-0123456789")) in amounts:
            amounts[amount] = _EXACT.add(amounts[amount], Decimal(value["N"]))
    return Bucket(*texts), Sums(int(row.get("Orders", {"N": "0"})["N"]), *amounts.values())


def order_row(generation: int, order_id: str, position: str, counted: Contribution) -> Row:
    """The row of an order that is counted."""
    amounts = (counted.sums.total, counted.sums.captured, counted.sums.refunded.copy_negate())
    return {
        **order_key(generation, order_id),
        "OrderID": {"S": order_id},
        "Position": {"S": position},
        **bucket_texts(counted.bucket),
        **{name: attribute_value(amount) for name, amount in zip(_AMOUNTS, amounts, strict=True)},
    }


def erased_row(generation: int, order_id: str, position: str, expires_at: int) -> Row:
    """The row of an order that was erased: nothing of it is left but up to where its changes are counted."""
    return {
        **order_key(generation, order_id),
        "Position": {"S": position},
        "ExpiresAt": {"N": str(expires_at)},
    }


def read_order_row(row: Mapping[str, Any]) -> OrderRow:
    """What a row says of its order."""
    item = plain_value({"M": dict(row)})
    return OrderRow(item["Position"], contribution(item | {"ReceivedAt": item.get("Minute")}))


def _key(partition: str, sort: str) -> Row:
    return {"PK": {"S": partition}, "SK": {"S": sort}}


def _parts(amount: Decimal) -> Iterator[tuple[str, Decimal]]:
    """The parts of an amount that are not zero, each with the ending of its attribute's name."""
    rest = amount.copy_abs()
    while rest:
        number = (rest.adjusted() - _FIRST_PLACE) // _PART_DIGITS
        place = _FIRST_PLACE + number * _PART_DIGITS
        units = _EXACT.scaleb(rest, -place).to_integral_value(ROUND_FLOOR, _EXACT)
        value = _EXACT.scaleb(units, place)
        rest = _EXACT.subtract(rest, value)
        yield str(number) if number else "", value.copy_sign(amount)
