"""From the bytes of a record to an order, or to all the reasons why it is none. Never raises."""

import json
from decimal import Decimal
from typing import Any

import msgspec

from orderstream.domain import order as model
from orderstream.domain.checks import Checks, Reason
from orderstream.domain.identity import fingerprint
from orderstream.domain.values import kind

_DECODER = msgspec.json.Decoder(float_hook=Decimal)
# What the decoder raises for bytes that are not JSON, are not UTF-8, or nest deeper than the stack.
_MALFORMED = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class Decoded(msgspec.Struct, frozen=True):
    """What a record turned out to be: an order, or nothing with the reasons.

    `claimed_id` is the order_id as sent, if it is a valid one, also of a refused order; `is_json` says
    whether the bytes are JSON at all; `fingerprint` is that of the content (empty when refused).
    """

    order: model.Order | None
    reasons: tuple[Reason, ...]
    claimed_id: str | None
    fingerprint: str
    is_json: bool


def decode(data: bytes) -> Decoded:
    """Decode and validate one record."""
    if not data.strip():
        return _refused(Reason("$", "empty", "is empty"))
    if len(data) > model.MAX_BYTES:
        message = f"has {len(data)} bytes, an order may have {model.MAX_BYTES}"
        return _refused(Reason("$", "too_large", message))
    try:
        document = _DECODER.decode(data)
    except _MALFORMED as error:
        return _diagnose(data, error)
    if not isinstance(document, dict):
        reason = Reason("$", "not_an_object", f"must be a JSON object, not {kind(document)}")
        return _refused(reason, is_json=True)
    check = Checks()
    found = model.read_fields(document, check)
    if found is None:
        return _refused(*check.reasons, claimed_id=_claimed_id(document), is_json=True)
    return Decoded(found, (), found.order_id, fingerprint(document, found), True)


def _diagnose(data: bytes, error: Exception) -> Decoded:
    """Say what else is wrong in a record that is not JSON.

    Python's own parser takes NaN, Infinity and integers of any length, so that the path of the value
    can be named and not only the place of the byte.
    """
    try:
        data.decode()
    except UnicodeDecodeError as not_text:
        place = f"{not_text.reason} at byte {not_text.start}"
        return _refused(Reason("$", "not_utf8", f"is not UTF-8 ({place})"))
    if isinstance(error, RecursionError):
        return _refused(Reason("$", "too_deep", "is nested too deeply"))
    not_json = Reason("$", "not_json", f"is not JSON ({error})")
    try:
        document = json.loads(data, parse_float=Decimal, parse_int=Decimal, parse_constant=Decimal)
    except (ValueError, RecursionError):
        return _refused(not_json)
    check = Checks()
    if isinstance(document, dict):
        model.read_fields(document, check)
        return _refused(not_json, *check.reasons, claimed_id=_claimed_id(document))
    return _refused(not_json)


def _claimed_id(document: dict[str, Any]) -> str | None:
    check = Checks()
    return check.optional("$.order_id", document.get("order_id"), model.order_id_rule)


def _refused(*reasons: Reason, claimed_id: str | None = None, is_json: bool = False) -> Decoded:
    return Decoded(None, reasons, claimed_id, "", is_json)
