"""Decode the bytes of a record into an order, or into every reason why it is not valid. Never raises."""

import json
import zlib
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from functools import cache
from typing import Any, NamedTuple, TypeVar

import msgspec

from orderstream.domain.expansion import GZIP_MAGIC, uncompressed
from orderstream.domain.fields import InvalidValue, json_type
from orderstream.domain.ids import fingerprint
from orderstream.domain.item import computed_values
from orderstream.domain.normalization import as_read, model_version
from orderstream.domain.order import MAX_BYTES, Order, order_id_rule
from orderstream.domain.order_event import FIELD as EVENT_FIELD
from orderstream.domain.order_event import ReadEvent, read_event
from orderstream.domain.reading import valid_reader
from orderstream.domain.schema_version import schema_of, upcast
from orderstream.domain.user_model import order_model
from orderstream.domain.validation import ModelReader, ValidationErrors, Violation

R = TypeVar("R")

# The magic number of an aggregated record of the Kinesis Producer Library.
AGGREGATE_MAGIC = b"\xf3\x89\x9a\xc2"

# Deeper than any order. The parser's own limit depends on the stack and so differs between programs: one
# would accept an order that another refuses.
MAX_DEPTH = 100

# JSON with exact numbers: int, or Decimal for a number with a decimal point or an exponent.
parse = msgspec.json.Decoder(float_hook=Decimal).decode
# Raised by the decoder for bytes that are not JSON, are not UTF-8, or nest deeper than the stack allows.
_MALFORMED = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_TOO_DEEP = Violation("$", "too_deep", "is nested too deeply")


class Decoded(msgspec.Struct, frozen=True):
    """The result of decoding a record: an order, an event of an order, or the reasons why it is invalid.

    `raw_order_id` is the order_id as sent if it is valid, even if the order is not. `json` is the
    uncompressed JSON text, if there is any. `fingerprint` is that of the content; it is empty if the content
    is not a JSON object. `normalized` is the version of the model that read the order, a colon, and the
    fingerprint of the values it read unless equal to `fingerprint`; it is empty for an invalid record.
    `schema` is the version of the model that the record says. `computed` are the computed attributes of the
    order, as its item has them.
    """

    order: Order | None
    reasons: tuple[Violation, ...]
    raw_order_id: str | None
    fingerprint: str
    json: bytes | None
    normalized: str = ""
    schema: int = 1
    computed: dict[str, Any] = {}
    event: ReadEvent | None = None


def decode(data: bytes, model: type[Order] | None = None) -> Decoded:
    """Decode and validate one record: JSON, or JSON compressed with gzip.

    `model` is the class of orders, by default that of this process.
    """
    model = model or order_model()
    if data.startswith(GZIP_MAGIC):
        try:
            data = uncompressed(data)
        except zlib.error as error:
            return _refused(Violation("$", "bad_gzip", f"is a damaged gzip file ({error})"))
    if data.startswith(AGGREGATE_MAGIC):
        reason = Violation("$", "corrupt_aggregate", "is an aggregate of records that cannot be taken apart")
        return _refused(reason)
    if len(data) > MAX_BYTES:
        return _refused(Violation("$", "too_large", f"has more than the {MAX_BYTES} bytes of an order"))
    if not data.strip():
        return _refused(Violation("$", "empty", "is empty"))
    try:
        document = parse(data)
    except _MALFORMED as error:
        return _diagnose(data, error, model)
    except InvalidOperation:
        # The exponent has more digits than Decimal supports. The rest of the record was not parsed and may
        # not be JSON.
        return _refused(Violation("$", "number_out_of_range", "has a number beyond all bounds"))
    # Most orders have few brackets; walk the document to find its depth only if there are many.
    if data.count(b"[") + data.count(b"{") > MAX_DEPTH and _depth(document) > MAX_DEPTH:
        return _refused(_TOO_DEEP)
    if not isinstance(document, dict):
        reason = Violation("$", "not_an_object", f"must be a JSON object, not {json_type(document)}")
        return _refused(reason, json=data)
    errors = ValidationErrors()
    if document.get(EVENT_FIELD) is not None:
        return _decode_event(document, model, errors, data)
    content = fingerprint(document)
    found = _read(document, model, errors)
    if isinstance(found, _Read):
        return Decoded(
            found.order,
            (),
            found.order.order_id,
            content,
            data,
            # Most orders are sent in normalized form: then one fingerprint covers both.
            f"{_readers(model).version}:{'' if found.values is document else fingerprint(found.values)}",
            found.schema,
            found.computed,
        )
    return Decoded(None, tuple(errors.reasons), _claimed_id(document), content, data)


def _decode_event(
    document: dict[str, Any], model: type[Order], errors: ValidationErrors, json: bytes
) -> Decoded:
    event = _by_model(lambda: read_event(document, model, errors), errors)
    order_id = event.sent.order_id if event else _claimed_id(document)
    content = event.fingerprint if event else ""
    return Decoded(None, tuple(errors.reasons), order_id, content, json, event=event)


class _Read(msgspec.Struct, frozen=True):
    """An order, the version of the model in which it was sent, and its values as the model reads them."""

    order: Order
    schema: int
    values: dict[str, Any]
    computed: dict[str, Any]


def _read(document: dict[str, Any], model: type[Order], errors: ValidationErrors) -> _Read | None:
    """The order in a decoded JSON object, or None if it is invalid; the reasons are then in `errors`."""

    def read() -> _Read | None:
        schema = schema_of(document, model, errors)
        if schema is None:
            return None
        current = upcast(document, schema, model)
        order, is_as_sent = _order_in(current, model, errors)
        if order is None:
            return None
        order.check(errors)
        if errors.reasons:
            return None
        computed = computed_values(order, errors)
        if errors.reasons:
            return None
        return _Read(order, schema, current if is_as_sent else as_read(order, current), computed)

    return _by_model(read, errors)


def _order_in(
    current: dict[str, Any], model: type[Order], errors: ValidationErrors
) -> tuple[Order | None, bool]:
    """The order in a document, and whether its values are as they were sent."""
    readers = _readers(model)
    try:
        return readers.valid(current)
    except Exception:
        # Read again for the reasons. What the model's own rules raise is raised again.
        return readers.reasons.read(current, "$", errors), False


def _by_model(read: Callable[[], R | None], errors: ValidationErrors) -> R | None:
    """What `read` returns. What the model raises is a reason in `errors`."""
    try:
        return read()
    except InvalidValue as refused:
        errors.add("$", refused.code, refused.message)
    except Exception as error:
        # The model is the user's code. What it cannot read is quarantined; other records go on.
        errors.add("$", "model_error", f"cannot be read by the model ({type(error).__name__}: {error})")
    return None


class _Readers(NamedTuple):
    """How orders of a model are read if they are valid, and for reasons if not; and the model's version."""

    valid: Callable[[Any], tuple[Order, bool]]
    reasons: ModelReader[Order]
    version: str


@cache
def _readers(model: type[Order]) -> _Readers:
    # First the one that says what is wrong with a model.
    reasons = ModelReader(model)
    return _Readers(valid_reader(model), reasons, model_version(model))


def _depth(document: Any) -> int:
    """The nesting depth of arrays and objects."""
    depth = 0
    level = [document]
    while level := [value for value in level if isinstance(value, dict | list)]:
        depth += 1
        level = [inner for value in level for inner in (value.values() if isinstance(value, dict) else value)]
    return depth


def _diagnose(data: bytes, error: Exception, model: type[Order]) -> Decoded:
    """Find out what else is wrong in a record that is not JSON.

    Python's own parser accepts NaN, Infinity and integers of any length, so the reason can name the path of
    the value and not only the byte offset.
    """
    try:
        data.decode()
    except UnicodeDecodeError as not_text:
        place = f"{not_text.reason} at byte {not_text.start}"
        return _refused(Violation("$", "not_utf8", f"is not UTF-8 ({place})"))
    if isinstance(error, RecursionError):
        return _refused(_TOO_DEEP)
    not_json = Violation("$", "not_json", f"is not JSON ({error})")
    try:
        document = json.loads(data, parse_float=Decimal, parse_int=Decimal, parse_constant=Decimal)
    except (ValueError, RecursionError, InvalidOperation):
        return _refused(not_json)
    errors = ValidationErrors()
    if isinstance(document, dict):
        if document.get(EVENT_FIELD) is not None:
            _decode_event(document, model, errors, data)
        else:
            _read(document, model, errors)
        return _refused(not_json, *errors.reasons, claimed_id=_claimed_id(document))
    return _refused(not_json)


def _claimed_id(document: dict[str, Any]) -> str | None:
    try:
        return order_id_rule(document.get("order_id"))
    except InvalidValue:
        return None


def _refused(*reasons: Violation, claimed_id: str | None = None, json: bytes | None = None) -> Decoded:
    return Decoded(None, reasons, claimed_id, "", json)
