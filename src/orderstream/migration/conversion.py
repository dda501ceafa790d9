"""Convert the items, objects and records of a pipeline made by hand to orders. Pure functions."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from typing import Any, TypeGuard

import msgspec

from orderstream.client.put_records import MAX_PARTITION_KEY_CHARACTERS
from orderstream.client.serialization import set_order_id
from orderstream.domain.declaration import declared_fields
from orderstream.domain.decode import Decoded, decode, parse
from orderstream.domain.fields import InvalidValue, exact_number, timestamp, utc_text
from orderstream.domain.item import attribute_of
from orderstream.domain.order import Order
from orderstream.domain.user_model import order_model
from orderstream.domain.validation import Violation
from orderstream.errors import InputError

# The key of the old table, as of the new one.
KEY = "OrderID"
# What had to be done to an order, and how it is reported.
NOTES = {
    "object_unusable": "the object is not a valid order: rebuilt from the item",
    "id_replaced": "the object had another order_id: replaced by the OrderID of the old table",
    "zone_assumed": "the date had no time zone: taken as UTC",
    "date_of_item": "the object had no date: that of the item was added",
    "date_of_object": "no date: the time was added at which the object was written",
    "undated": "no date: the new table has the time of the move",
}
_ENCODER = msgspec.json.Encoder(decimal_format="number")
_FIELDS = msgspec.json.Decoder(dict[str, msgspec.Raw])
_NO_ORDER = Violation("$.event", "unexpected", "makes it an event of an order, and no order")
_TOO_LARGE = Violation("$", "too_large", "is larger than a record of the stream: it was not read")

Item = Mapping[str, Any]


class OrderFacts(msgspec.Struct, frozen=True):
    """What two orders are compared by: customer, canonical amount, date in UTC; "" where it is unknown."""

    customer: str = ""
    amount: str = ""
    date: str = ""

    def differences(self, new: OrderFacts) -> str:
        """What is different in `new`, "" if nothing is. An unknown date is not compared."""
        return "; ".join(
            f"{name}: {getattr(self, name) or 'none'} in the old one, {getattr(new, name) or 'none'} now"
            for name in self.__struct_fields__
            if getattr(self, name) != getattr(new, name) and (name != "date" or self.date)
        )


class LegacyOrder(msgspec.Struct, frozen=True):
    """An order of the old pipeline: the bytes to send, and `facts`, which the old pipeline has of it.

    `source` is where the bytes are from: object, item or record. `reasons` are those for which it is invalid.
    `predicted` is how the new item will differ from `facts`; `notes` are keys of NOTES. Without `data` it
    cannot be sent.
    """

    order_id: str
    source: str
    data: bytes
    partition_key: str
    facts: OrderFacts
    reasons: tuple[Violation, ...] = ()
    predicted: str = ""
    notes: tuple[str, ...] = ()


def plain_item(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """An item in DynamoDB JSON as text, Decimal, bool, None, bytes, and lists and dicts of those."""
    return {name: _plain(value) for name, value in attributes.items()}


def from_item(order_id: str, item: Item) -> LegacyOrder:
    """The order rebuilt from the attributes of an item. The bytes depend on the item alone."""
    document, notes = _rebuilt(order_id, item)
    if "order_date" not in document:
        notes = (*notes, "undated")
    data = _ENCODER.encode(document)
    return _legacy_order(order_id, "item", data, decode(data), facts_of(document), notes)


def from_object(order_id: str, raw: bytes | None, written_at: datetime, item: Item | None) -> LegacyOrder:
    """The order in the object of an order, whose bytes are kept as far as possible, else that of its item.

    `raw` is None if the object is too large to be sent. Added are the order_id and, if there is none, a date:
    that of the item, or the time at which the object was written (aware UTC).
    """
    rebuilt = from_item(order_id, item) if item is not None else None
    if raw is None:
        found = LegacyOrder(order_id, "object", b"", order_id, OrderFacts(), (_TOO_LARGE,))
    else:
        data, notes = _completed(order_id, raw, written_at, rebuilt.facts.date if rebuilt else "")
        facts = rebuilt.facts if rebuilt else facts_of(_document(data))
        found = _legacy_order(order_id, "object", data, decode(data), facts, notes)
    if found.reasons and rebuilt and not rebuilt.reasons:
        return msgspec.structs.replace(rebuilt, notes=("object_unusable", *rebuilt.notes))
    return found


def from_record(order_id: str, data: bytes) -> LegacyOrder:
    """The order in a record of the old stream: with this order_id, unless it has a valid one."""
    what = decode(data)
    if what.raw_order_id is None:
        try:
            data = set_order_id(what.json or data, order_id)
            what = decode(data)
        except InputError:
            pass
    return _legacy_order(what.raw_order_id or order_id, "record", data, what, facts_of(_document(data)), ())


def facts_of(document: Mapping[str, Any]) -> OrderFacts:
    """The facts in the JSON of an order, whether or not it is valid."""
    moment = _moment(document.get("order_date"))
    date = utc_text(moment[0]) if moment else ""
    return OrderFacts(_text(document.get("customer_id")), _amount(document.get("amount")), date)


def facts_of_stored(item: Item) -> OrderFacts:
    """The facts in an item of the new table."""
    return OrderFacts(
        _text(item.get("CustomerID")), _amount(item.get("OrderAmount")), str(item.get("OrderDate", ""))
    )


def _legacy_order(
    order_id: str, source: str, data: bytes, what: Decoded, facts: OrderFacts, notes: tuple[str, ...]
) -> LegacyOrder:
    if what.order is None:
        key = order_id[:MAX_PARTITION_KEY_CHARACTERS]
        return LegacyOrder(order_id, source, data, key, facts, what.reasons or (_NO_ORDER,), "", notes)
    order = what.order
    date = utc_text(order.order_date) if order.order_date else ""
    new = OrderFacts(order.customer_id, _amount(order.amount), date)
    predicted = facts.differences(new)
    return LegacyOrder(order_id, source, data, order.customer_id, facts, (), predicted, notes)


def _rebuilt(order_id: str, item: Item) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The JSON document of an item, by the fields of the model; other attributes keep their names."""
    document: dict[str, Any] = {"order_id": order_id}
    left = {name: item[name] for name in sorted(item) if name != KEY and item[name] is not None}
    for attribute, name in _fields(order_model()):
        if (value := left.pop(attribute, None)) is not None:
            document[name] = value
    for name, value in left.items():
        document.setdefault(name, value)
    # A number is no text to the model, and what the old function stored as text may be a number.
    if _is_number(document.get("customer_id")):
        document["customer_id"] = _text(document["customer_id"])
    if isinstance(document.get("amount"), str):
        try:
            exact_number(document["amount"])
            document["amount"] = Decimal(document["amount"])
        except InvalidValue:
            pass
    moment = _moment(document.get("order_date"))
    if moment is None:
        return document, ()
    document["order_date"] = utc_text(moment[0])
    return document, ("zone_assumed",) if moment[1] else ()


@cache
def _fields(model: type[Order]) -> list[tuple[str, str]]:
    """The attribute of each field of the order, and the field."""
    return [(attribute_of(declared), declared.name) for declared in declared_fields(model)]


def _completed(
    order_id: str, raw: bytes, written_at: datetime, date_of_item: str
) -> tuple[bytes, tuple[str, ...]]:
    """`raw` with the order's id and with a date; unchanged if it is not a JSON object."""
    try:
        data = set_order_id(raw, order_id)
    except InputError:
        return raw, ()
    document = _document(raw)
    notes = () if document.get("order_id") in (None, order_id) else ("id_replaced",)
    date = document.get("order_date")
    if date is None:
        note = "date_of_item" if date_of_item else "date_of_object"
        return _with_date(data, date_of_item or utc_text(written_at), "order_date" in document), (
            *notes,
            note,
        )
    moment = _moment(date)
    if moment is not None and moment[1]:
        return _with_date(data, utc_text(moment[0]), is_there=True), (*notes, "zone_assumed")
    return data, notes


def _with_date(data: bytes, date: str, is_there: bool) -> bytes:
    """The JSON object `data`, which has an order_id, with this date; all other values keep their bytes."""
    if not is_there:
        brace = data.index(b"{") + 1
        return b'%b"order_date":%b,%b' % (data[:brace], _ENCODER.encode(date), data[brace:])
    fields = _FIELDS.decode(data)
    fields["order_date"] = msgspec.Raw(_ENCODER.encode(date))
    return _ENCODER.encode(fields)


def _document(data: bytes) -> dict[str, Any]:
    """The JSON object in `data`, empty if there is none."""
    try:
        found = parse(data)
    except (ArithmeticError, RecursionError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _moment(value: object) -> tuple[datetime, bool] | None:
    """A date as aware UTC, and whether its zone had to be assumed; None if it is not a date."""
    if not isinstance(value, str):
        return None
    try:
        return timestamp(value), False
    except InvalidValue:
        pass
    try:
        moment = datetime.fromisoformat(value)
        if moment.tzinfo is None:
            return moment.replace(tzinfo=UTC), True
        return moment.astimezone(UTC), False
    except (OverflowError, ValueError):
        return None


def _amount(value: object) -> str:
    """An amount in a form that is the same for equal amounts, "" if it is none."""
    try:
        return f"{exact_number(value):f}"
    except InvalidValue:
        return ""


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    return f"{Decimal(value):f}" if _is_number(value) else ""


def _is_number(value: object) -> TypeGuard[int | Decimal]:
    return isinstance(value, int | Decimal) and not isinstance(value, bool)


def _plain(value: Mapping[str, Any]) -> Any:
    ((kind, content),) = value.items()
    match kind:
        case "N":
            return Decimal(content)
        case "NS":
            return sorted(map(Decimal, content))
        # A set has no order, and the same item has to give the same bytes.
        case "SS" | "BS":
            return sorted(content)
        case "L":
            return [_plain(element) for element in content]
        case "M":
            return {name: _plain(element) for name, element in content.items()}
        case "NULL":
            return None
        case _:
            return content
