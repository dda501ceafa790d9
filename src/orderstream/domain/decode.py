"""From the bytes of a record to an order, or to all the reasons why it is none. Never raises."""

import json
import zlib
from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec

from orderstream.domain import order as model
from orderstream.domain.expansion import GZIP_MAGIC, uncompressed
from orderstream.domain.fields import InvalidValue, json_type
from orderstream.domain.ids import fingerprint
from orderstream.domain.normalization import model_version, normalized
from orderstream.domain.validation import ValidationErrors, Violation

_MODEL = model_version(model.Order)

# How an aggregate of the Kinesis Producer Library begins.
AGGREGATE_MAGIC = b"\xf3\x89\x9a\xc2"

# Deeper than any order. The parser's own limit is that of the stack, which lies elsewhere in every program:
# with it, one would take an order that another refuses.
MAX_DEPTH = 100

# JSON with exact numbers: int, or Decimal where there is a point or an exponent.
parse = msgspec.json.Decoder(float_hook=Decimal).decode
# What the decoder raises for bytes that are not JSON, are not UTF-8, or nest deeper than the stack.
_MALFORMED = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_TOO_DEEP = Violation("$", "too_deep", "is nested too deeply")


class Decoded(msgspec.Struct, frozen=True):
    """What a record turned out to be: an order, or nothing with the reasons.

    `claimed_id` is the order_id as sent, if it is a valid one, also of a refused order; `json` is the
    JSON text, uncompressed, if the bytes hold any; `fingerprint` is that of the content (empty where that
    is no JSON object). `normalized` has the version of the model that read an order, a colon, and the
    fingerprint of what the model reads, unless that is `fingerprint`; it is empty when refused.
    """

    order: model.Order | None
    reasons: tuple[Violation, ...]
    raw_order_id: str | None
    fingerprint: str
    json: bytes | None
    normalized: str = ""


def decode(data: bytes) -> Decoded:
    """Decode and validate one record: JSON, or JSON compressed with gzip."""
    if data.startswith(GZIP_MAGIC):
        try:
            data = uncompressed(data)
        except zlib.error as error:
            return _refused(Violation("$", "bad_gzip", f"is a damaged gzip file ({error})"))
    if data.startswith(AGGREGATE_MAGIC):
        reason = Violation("$", "corrupt_aggregate", "is an aggregate of records that cannot be taken apart")
        return _refused(reason)
    if len(data) > model.MAX_BYTES:
        return _refused(Violation("$", "too_large", f"has more than the {model.MAX_BYTES} bytes of an order"))
    if not data.strip():
        return _refused(Violation("$", "empty", "is empty"))
    try:
        document = parse(data)
    except _MALFORMED as error:
        return _diagnose(data, error)
    except InvalidOperation:
        # An exponent of so many digits that not even Decimal has room for it. What comes behind it was
        # not read, and so may be no JSON.
        return _refused(Violation("$", "number_out_of_range", "has a number beyond all bounds"))
    # Most have few brackets: only where there are many, it takes a walk to know how deep they go.
    if data.count(b"[") + data.count(b"{") > MAX_DEPTH and _depth(document) > MAX_DEPTH:
        return _refused(_TOO_DEEP)
    if not isinstance(document, dict):
        reason = Violation("$", "not_an_object", f"must be a JSON object, not {json_type(document)}")
        return _refused(reason, json=data)
    check = ValidationErrors()
    found = model.read_fields(document, check)
    content = fingerprint(document)
    if found is None:
        return Decoded(None, tuple(check.reasons), _claimed_id(document), content, data)
    read = normalized(found, document)
    # Most orders are sent as the model reads them: then one fingerprint says both.
    reading = "" if read is document else fingerprint(read)
    return Decoded(found, (), found.order_id, content, data, f"{_MODEL}:{reading}")


def _depth(document: Any) -> int:
    """How many arrays and objects are one inside the other."""
    depth = 0
    level = [document]
    while level := [value for value in level if isinstance(value, dict | list)]:
        depth += 1
        level = [inner for value in level for inner in (value.values() if isinstance(value, dict) else value)]
    return depth


def _diagnose(data: bytes, error: Exception) -> Decoded:
    """Say what else is wrong in a record that is not JSON.

    Python's own parser takes NaN, Infinity and integers of any length, so that the path of the value
    can be named and not only the place of the byte.
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
    check = ValidationErrors()
    if isinstance(document, dict):
        model.read_fields(document, check)
        return _refused(not_json, *check.reasons, claimed_id=_claimed_id(document))
    return _refused(not_json)


def _claimed_id(document: dict[str, Any]) -> str | None:
    try:
        return model.order_id_rule(document.get("order_id"))
    except InvalidValue:
        return None


def _refused(*reasons: Violation, claimed_id: str | None = None, json: bytes | None = None) -> Decoded:
    return Decoded(None, reasons, claimed_id, "", json)
