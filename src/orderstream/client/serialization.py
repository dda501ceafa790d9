"""Serialize an order or an event to JSON without rounding, and give it an id and a partition key."""

import math
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from typing import Any, TypeVar
from uuid import UUID

import msgspec

from orderstream.domain.model import decimal_fields
from orderstream.domain.order import Order
from orderstream.domain.order_event import FIELD as EVENT_FIELD
from orderstream.domain.order_event import IDENTITY
from orderstream.domain.schema_version import FIELD as SCHEMA_FIELD
from orderstream.domain.user_model import order_model
from orderstream.errors import InputError

P = TypeVar("P")
R = TypeVar("R")

# An order or an event to send: its fields by name, or an object of the order's model.
AnyOrder = Mapping[str, Any] | Order


class _Head(msgspec.Struct):
    """The fields of an order or an event that the producer needs; the others are skipped."""

    order_id: Any = msgspec.UNSET
    customer_id: Any = None
    event: Any = None
    event_id: Any = msgspec.UNSET
    seq: Any = None
    occurred_at: Any = None


_ENCODER = msgspec.json.Encoder(decimal_format="number")
_HEAD = msgspec.json.Decoder(_Head, float_hook=Decimal)
_FIELDS = msgspec.json.Decoder(dict[str, msgspec.Raw])


# Ids generated in advance: a system call for each would release the GIL every time, which takes ten times as
# long as the id itself while another thread sends. A forked child must not use the same ones.
_ids: list[str] = []
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_ids.clear)


def new_order_id() -> str:
    """128 random bits as 32 hex digits.

    Random rather than sortable: nobody can guess the next order's id or read the time of an order from its
    id, and producers need no common clock.
    """
    try:
        return _ids.pop()
    except IndexError:
        first, *others = map(bytes.hex, _chunks(os.urandom(16 * 256)))
        _ids.extend(others)
        return first


def _chunks(data: bytes) -> Iterator[bytes]:
    return (data[start : start + 16] for start in range(0, len(data), 16))


# The fields whose digits must not go through a float.
_money = cache(decimal_fields)


def encode_order(order: AnyOrder) -> tuple[bytes, str, object]:
    """The order or event as JSON with an id; its order_id; and what its partition key is by default.

    An order without an order_id gets a new one, and its customer_id is its key. An event keeps its order_id,
    which is its key too, and gets an event_id unless it has one, a seq or an occurred_at. `order` is not
    changed. A Decimal becomes a JSON number with exactly its digits, a datetime an RFC 3339
    string. Raises InputError for an event without an order_id, a float in a field of exact decimals, a
    datetime without a time zone, NaN and Infinity, and for any value that JSON cannot represent.
    """
    model = order_model()
    if isinstance(order, Order):
        model, order = type(order), _fields_of(order)
    if not isinstance(order, Mapping):
        raise InputError(f"an order is a mapping of names to values, not {type(order).__name__}")
    order = {**order}
    is_event = order.get(EVENT_FIELD) is not None
    if is_event:
        _require_order_id(order.get("order_id"))
        order = with_event_id(order)
    elif order.get("order_id") is None:
        order["order_id"] = new_order_id()
    try:
        if not _is_plain(order.values()):
            _refuse_inexact(order, "", _money(model))
        data, order_id = _ENCODER.encode(order), order["order_id"]
        # As in its JSON, which differs from str() for an enum or a time.
        text = order_id if type(order_id) is str else _text(_HEAD.decode(data).order_id)
        return data, text, text if is_event else order.get("customer_id")
    except RecursionError:
        raise InputError("the order is nested too deeply, or holds itself") from None
    except (TypeError, ValueError, msgspec.MsgspecError) as error:
        raise InputError(f"the order cannot be written as JSON: {error}") from error


def _is_plain(values: Iterable[Any]) -> bool:
    """Whether no value needs checking, as in most orders; this avoids building their paths."""
    for value in values:
        kind = type(value)
        if kind is str or kind is int:
            continue
        if kind is Decimal:
            if not value.is_finite():
                return False
        elif kind is dict:
            if not _is_plain(value.values()):
                return False
        elif not (kind is list and _is_plain(value)):
            return False
    return True


def _fields_of(order: Order) -> dict[str, Any]:
    found: dict[str, Any] = msgspec.to_builtins(order, builtin_types=(Decimal, datetime, float))
    said = {name: value for name, value in found.items() if value is not None}
    return said | ({SCHEMA_FIELD: order.SCHEMA} if order.SCHEMA > 1 else {})


def _refuse_inexact(fields: Mapping[Any, Any], path: str, money: frozenset[str]) -> None:
    for name, value in fields.items():
        _check(value, f"{path}{name}", money, is_money=name in money)


def _check(value: Any, path: str, money: frozenset[str], *, is_money: bool) -> None:
    if isinstance(value, float):
        if is_money:
            raise InputError(
                f"{path} is a float, which cannot hold most amounts exactly",
                hint='use Decimal("19.99") or the text "19.99"',
            )
        if not math.isfinite(value):
            raise InputError(f"{path} is {value}, which JSON has no form for")
    elif isinstance(value, Decimal):
        if not value.is_finite():
            raise InputError(f"{path} is {value}, which JSON has no form for")
    elif isinstance(value, datetime):
        if value.utcoffset() is None:
            raise InputError(f"{path} is a datetime without a time zone", hint="use datetime.now(UTC)")
    elif isinstance(value, Mapping):
        _refuse_inexact(value, f"{path}.", money)
    elif isinstance(value, (list, tuple)):
        for index, element in enumerate(value):
            _check(element, f"{path}[{index}]", money, is_money=is_money)
    elif not (value is None or isinstance(value, (str, int, date, UUID))):
        raise InputError(f"{path} is a {type(value).__name__}, which JSON has no form for")


def default_partition_key(customer_id: object) -> str:
    """The partition key that keeps a customer's orders in order. Raises InputError if it is not text."""
    if isinstance(customer_id, str) and customer_id:
        return customer_id
    raise InputError(
        "the order has no customer_id to take the partition key from: a text is needed",
        hint="give a partition key",
    )


def with_event_id(event: Mapping[str, Any]) -> dict[str, Any]:
    """The event with an event_id, new unless it has one or is identified by its seq or its occurred_at."""
    if any(event.get(name) is not None for name in IDENTITY):
        return {**event}
    return {**event, "event_id": new_order_id()}


def _require_order_id(order_id: object) -> None:
    if not isinstance(order_id, str) or not order_id:
        raise InputError("an event needs the order_id of its order, as text")


def ensure_order_id(raw: bytes, make_id: Callable[[], str] = new_order_id) -> tuple[bytes, str, object]:
    """The JSON object `raw` with an id, its order_id, and what its partition key is by default.

    The id is the order_id of an order, or the event_id of an event, as `encode_order` gives them. If `raw`
    has one, it is returned unchanged. Otherwise one from `make_id` is inserted right after the opening brace,
    and everything else is preserved byte for byte. A field that is null counts as none: there the values are
    preserved byte for byte, but not the white space between them. Raises InputError for anything that is not
    a JSON object, and for an event without an order_id.
    """
    return _of_json(_with_id, raw, make_id)


def set_order_id(raw: bytes, order_id: str) -> bytes:
    """The JSON object `raw` with this order_id, whether it has another one, the same one or none.

    All other values are preserved byte for byte. The white space between them is preserved too, unless
    another order_id is replaced. Raises InputError for anything that is not a JSON object.
    """
    return _of_json(_with_value, raw, ("order_id", order_id))


def set_event_id(raw: bytes, event_id: str) -> bytes:
    """Like `set_order_id`, for the event_id of an event."""
    return _of_json(_with_value, raw, ("event_id", event_id))


def _of_json(work: Callable[[bytes, P], R], raw: bytes, argument: P) -> R:
    try:
        return work(raw, argument)
    except RecursionError:
        raise InputError("the order is nested too deeply") from None
    except (ArithmeticError, ValueError) as error:
        raise InputError(f"the order is not a JSON object: {error}") from error


def _with_id(raw: bytes, make_id: Callable[[], str]) -> tuple[bytes, str, object]:
    head = _HEAD.decode(raw)
    if head.event is not None:
        _require_order_id(head.order_id)
        is_identified = any(getattr(head, name) not in (None, msgspec.UNSET) for name in IDENTITY)
        data = raw if is_identified else _with_field(raw, "event_id", head.event_id, make_id())
        return data, head.order_id, head.order_id
    if head.order_id is None or head.order_id is msgspec.UNSET:
        order_id = make_id()
        return _with_field(raw, "order_id", head.order_id, order_id), order_id, head.customer_id
    return raw, _text(head.order_id), head.customer_id


def _with_value(raw: bytes, field: tuple[str, str]) -> bytes:
    name, value = field
    found = getattr(_HEAD.decode(raw), name)
    return raw if found == value else _with_field(raw, name, found, value)


def _with_field(raw: bytes, name: str, found: object, value: str) -> bytes:
    """The JSON object with this value in a field; `found` is what it has there now, or UNSET."""
    if found is not msgspec.UNSET:
        fields = _FIELDS.decode(raw)
        fields[name] = msgspec.Raw(_ENCODER.encode(value))
        return _ENCODER.encode(fields)
    brace, rest = raw[: raw.index(b"{") + 1], raw[raw.index(b"{") + 1 :]
    comma = b"" if rest.lstrip().startswith(b"}") else b","
    return b'%b"%b":%b%b%b' % (brace, name.encode(), _ENCODER.encode(value), comma, rest)


def _text(order_id: object) -> str:
    return order_id if isinstance(order_id, str) else _ENCODER.encode(order_id).decode()
