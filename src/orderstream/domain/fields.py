"""Rules for single JSON values: exact numbers, text, dates, currencies. Each reads a value, or refuses it."""

import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from decimal import MAX_EMAX, MAX_PREC, MIN_EMIN, Context, Decimal, DecimalException, Inexact, Rounded
from enum import Enum
from typing import Any, get_args

import msgspec

from orderstream.domain.currencies import CURRENCIES

# DynamoDB's numbers: 38 significant digits, magnitudes from 1E-130 to 9.99…E+125. A number
# that does not fit exactly is an error; it is never rounded.
MAX_DIGITS = 38
_MOST_DIGITS = 10**MAX_DIGITS - 1
_EXACT = Context(prec=MAX_DIGITS, Emin=-130, Emax=125)
for _signal in _EXACT.traps:
    _EXACT.traps[_signal] = True
_ANY_SIZE = Context(prec=MAX_PREC, Emin=MIN_EMIN, Emax=MAX_EMAX, traps=[Inexact, Rounded])
_ZERO = Decimal(0)
_MOST_PLAIN_DIGITS = 15
_JSON = msgspec.json.Encoder()
_PLAIN_DECIMAL = re.compile(r"-?[0-9]+(\.[0-9]+)?")


class InvalidValue(Exception):
    """A value that breaks a rule: a stable `code` for programs, a `message` for people."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def exact_number(value: Any) -> Decimal:
    """A JSON number, or a string that is a plain decimal, as a Decimal without trailing zeros.

    Raises InvalidValue for anything else, and for a number that DynamoDB cannot hold exactly.
    """
    number = value if type(value) is Decimal else _number(value)
    if not number.is_finite():
        raise InvalidValue("not_finite", "must be a finite number")
    try:
        exact = number.normalize(_EXACT)
    except DecimalException:
        # Trailing zeros may be the only reason for too many digits.
        exact = _without_zeros(number)
    return exact or _ZERO


def _number(value: Any) -> Decimal:
    if isinstance(value, str):
        if not _PLAIN_DECIMAL.fullmatch(value):
            raise InvalidValue("not_a_number", 'must be a number or a plain decimal such as "250.00"')
    elif not isinstance(value, int) or isinstance(value, bool):
        raise InvalidValue("not_a_number", f"must be a number, not {json_type(value)}")
    return Decimal(value)


def _without_zeros(number: Decimal) -> Decimal:
    try:
        return _EXACT.create_decimal(number.normalize(_ANY_SIZE)) if number else _ZERO
    except DecimalException:
        raise InvalidValue(
            "number_out_of_range", f"must have at most {MAX_DIGITS} significant digits, below 1E+126"
        ) from None


def canonical_number(number: Decimal) -> Decimal | int:
    """The canonical form of a finite number, without loss of digits: 250 for 250.00."""
    if not number:
        return 0
    if number.adjusted() < _MOST_PLAIN_DIGITS and number == (whole := int(number)):
        return whole
    return number.normalize(_ANY_SIZE)


def exact_sum_of_products(factors: Iterable[tuple[Decimal | int, Decimal | int]]) -> Decimal:
    """The sum of a × b over all (a, b), without rounding or trailing zeros."""
    total = _ZERO
    for one, other in factors:
        total = _ANY_SIZE.fma(one, other, total)
    return total.normalize(_ANY_SIZE)


def exact_sum(one: Decimal, other: Decimal) -> Decimal:
    """The sum without rounding: `+` rounds to 28 digits."""
    return _ANY_SIZE.add(one, other)


def positive(value: Any) -> Decimal:
    """An `exact_number` above zero."""
    number = exact_number(value)
    if number <= _ZERO:
        raise InvalidValue("not_positive", "must be greater than zero")
    return number


def not_negative(value: Any) -> Decimal:
    """An `exact_number` of zero or more."""
    number = exact_number(value)
    if number < _ZERO:
        raise InvalidValue("negative", "must not be negative")
    return number


def positive_integer(value: Any) -> int:
    """A whole number above zero."""
    if type(value) is int and 0 < value <= _MOST_DIGITS:
        return value
    return _whole(positive(value))


def whole_number(value: Any) -> int:
    """A whole number of zero or more."""
    return _whole(not_negative(value))


def _whole(number: Decimal) -> int:
    if number != number.to_integral_value(context=_ANY_SIZE):
        raise InvalidValue("not_an_integer", "must be a whole number")
    return int(number)


def boolean(value: Any) -> bool:
    """True or false."""
    if not isinstance(value, bool):
        raise InvalidValue("not_a_boolean", f"must be true or false, not {json_type(value)}")
    return value


def member_of(kind: type[Enum]) -> Callable[[Any], Enum]:
    """The rule for a value of an enum: text or a whole number, exactly as in the enum."""
    members = {member.value: member for member in kind}
    listed = ", ".join(_JSON.encode(value).decode() for value in members)

    def read(value: Any) -> Enum:
        member = members.get(value) if type(value) in (str, int) else None
        if member is None:
            raise InvalidValue("unknown_value", f"must be one of {listed}")
        return member

    return read


def text(longest: int, pattern: str = "") -> msgspec.Meta:
    """The rule for an id or a name: a string of 1 to `longest` printable characters, not only blanks.

    `pattern` is a regular expression that the whole string must match.
    """
    if not pattern:
        return rule(_text(longest), min_length=1, max_length=longest)
    read_text, matches = _text(longest), re.compile(pattern).fullmatch

    def read(value: Any) -> str:
        found = read_text(value)
        if not matches(found):
            raise InvalidValue("wrong_pattern", f"must match {pattern}")
        return found

    return rule(read, min_length=1, max_length=longest, pattern=f"^(?:{pattern})$")


def _text(longest: int) -> Callable[[Any], str]:
    def read(value: Any) -> str:
        if not isinstance(value, str):
            raise InvalidValue("not_a_string", f"must be a string, not {json_type(value)}")
        if not value or value.isspace():
            raise InvalidValue("empty", "must not be empty")
        if len(value) > longest:
            raise InvalidValue("too_long", f"must have at most {longest} characters, has {len(value)}")
        if not value.isprintable():
            raise InvalidValue("not_printable", "must not contain control or other invisible characters")
        return value

    return read


def ascii_text(longest: int) -> msgspec.Meta:
    """The rule for a `text` of ASCII characters: safe in URLs, file names and object keys."""
    read_text = _text(longest)

    def read(value: Any) -> str:
        found = read_text(value)
        if not found.isascii():
            raise InvalidValue("not_ascii", "must be made of ASCII characters")
        return found

    return rule(read, pattern=f"^[ -~]{{1,{longest}}}$")


def rule(read: Callable[[Any], Any], **schema: Any) -> msgspec.Meta:
    """The annotation of a field that `read` reads: it returns the value, or raises InvalidValue.

    `schema` is the rest of msgspec.Meta, for JSON schemas.
    """
    return msgspec.Meta(extra={"rule": read}, **schema)


def rule_of(hint: Any) -> Callable[[Any], Any]:
    """The rule in an annotated type; several apply one after the other. Raises LookupError if it has none."""
    extras = [note.extra or {} for note in get_args(hint) if isinstance(note, msgspec.Meta)]
    rules = [extra["rule"] for extra in extras if "rule" in extra]
    if not rules:
        name = getattr(hint, "__name__", hint)
        raise LookupError(f"{name} has no rule: use a type of orderstream, or Annotated[{name}, rule(…)]")

    def all_rules(value: Any) -> Any:
        for rule in rules:
            value = rule(value)
        return value

    return rules[0] if len(rules) == 1 else all_rules


def exact_schema(**limits: int) -> dict[str, Any]:
    """The JSON schema of an `exact_number`: `limits` are JSON schema's, such as `minimum`."""
    sign = "" if min(limits.values(), default=-1) >= 0 else "-?"
    plain = {"type": "string", "pattern": rf"^{sign}[0-9]+(\.[0-9]+)?$"}
    return {"oneOf": [{"type": "number", **limits}, plain]}


def currency(value: Any) -> str:
    """A current ISO 4217 code, in capitals."""
    if not isinstance(value, str):
        raise InvalidValue("not_a_string", f"must be a string, not {json_type(value)}")
    if value not in CURRENCIES:
        raise InvalidValue("unknown_currency", 'must be an ISO 4217 code in capitals, such as "EUR"')
    return value


def timestamp(value: Any) -> datetime:
    """An RFC 3339 date and time with its zone, as aware UTC."""
    if not isinstance(value, str):
        raise InvalidValue("not_a_string", f"must be a string, not {json_type(value)}")
    try:
        moment = msgspec.convert(value, datetime)
    # Half a surrogate pair gets here if Python's parser read a record that msgspec's could not.
    except (msgspec.ValidationError, UnicodeEncodeError):
        raise InvalidValue("not_a_date", 'must be RFC 3339, such as "2026-11-22T18:00:00Z"') from None
    if moment.tzinfo is None:
        raise InvalidValue("no_time_zone", 'must say its time zone, such as "Z" or "+02:00"')
    try:
        return moment if moment.tzinfo is UTC else moment.astimezone(UTC)
    except OverflowError:
        raise InvalidValue("not_a_date", "must lie between the years 1 and 9999 in UTC") from None


def utc_text(moment: datetime) -> str:
    """`moment` (aware) as UTC text of fixed width, which sorts chronologically."""
    if moment.tzinfo is not UTC:
        moment = moment.astimezone(UTC)
    # Several times faster than isoformat, but omits the microseconds if they are zero.
    text = _JSON.encode(moment)[1:-1].decode()
    return text if len(text) == 27 else f"{text[:19]}.000000Z"


def json_type(value: Any) -> str:
    """The JSON type of a decoded value, with its article."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "a boolean"
    if isinstance(value, str):
        return "a string"
    if isinstance(value, int | float | Decimal):
        return "a number"
    return "an array" if isinstance(value, list) else "an object"
