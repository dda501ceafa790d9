"""Rules for single JSON values: exact numbers, text, dates, currencies. Each reads a value, or refuses it."""

import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from decimal import MAX_EMAX, MAX_PREC, MIN_EMIN, Context, Decimal, DecimalException, Inexact, Rounded
from enum import Enum
from typing import Any, get_args

import msgspec

# ISO 4217, list one (current currencies and funds), as of 2026-01-01, without its code for "no
# currency". XTS is its code for tests.
CURRENCIES = frozenset(
    """
    AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BHD BIF BMD BND BOB BOV BRL BSD BTN BWP BYN BZD
    CAD CDF CHE CHF CHW CLF CLP CNY COP COU CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP
    GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR
    KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN
    MXV MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD
    SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX
    USD USN UYI UYU UYW UZS VED VES VND VUV WST XAD XAF XAG XAU XBA XBB XBC XBD XCD XCG XDR XOF XPD
    XPF XPT XSU XTS XUA YER ZAR ZMW ZWG
    """.split()
)

# ISO 4217, list one, column "minor units", as of the same date: the currencies that do not have two. Those
# marked N.A. (metals, units of account, the code for tests) have none.
_MINOR_UNITS = (
    dict.fromkeys("BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF".split(), 0)
    | dict.fromkeys("BHD IQD JOD KWD LYD OMR TND".split(), 3)
    | dict.fromkeys("CLF UYW".split(), 4)
)
_WITHOUT_MINOR_UNITS = frozenset("XAG XAU XBA XBB XBC XBD XDR XPD XPT XSU XTS XUA".split())

# Amounts in this currency are not money.
TEST_CURRENCY = "XTS"

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


def minor_units(currency: str) -> int | None:
    """The decimal places of a currency by ISO 4217; None for metals and units of account."""
    return None if currency in _WITHOUT_MINOR_UNITS else _MINOR_UNITS.get(currency, 2)


def money(amount: Decimal, currency: str) -> str:
    """`amount` for display: all its digits, and at least the decimal places of the currency.

    19.9 EUR is `19.90`, 19.905 EUR `19.905`, 1E+3 EUR `1000.00`, 1000 JPY `1000`.
    """
    whole, _, places = f"{amount:f}".partition(".")
    places = places.ljust(minor_units(currency) or 0, "0")
    return f"{whole}.{places}" if places else whole


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
    number = positive(value)
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

    def rule(value: Any) -> Enum:
        member = members.get(value) if type(value) in (str, int) else None
        if member is None:
            raise InvalidValue("unknown_value", f"must be one of {listed}")
        return member

    return rule


def text(longest: int) -> msgspec.Meta:
    """The rule for an id or a name: a string of 1 to `longest` printable characters, not only blanks."""
    return ruled(_text(longest), min_length=1, max_length=longest)


def _text(longest: int) -> Callable[[Any], str]:
    def rule(value: Any) -> str:
        if not isinstance(value, str):
            raise InvalidValue("not_a_string", f"must be a string, not {json_type(value)}")
        if not value or value.isspace():
            raise InvalidValue("empty", "must not be empty")
        if len(value) > longest:
            raise InvalidValue("too_long", f"must have at most {longest} characters, has {len(value)}")
        if not value.isprintable():
            raise InvalidValue("not_printable", "must not contain control or other invisible characters")
        return value

    return rule


def ascii_text(longest: int) -> msgspec.Meta:
    """The rule for a `text` of ASCII characters: safe in URLs, file names and object keys."""
    any_label = _text(longest)

    def rule(value: Any) -> str:
        text = any_label(value)
        if not text.isascii():
            raise InvalidValue("not_ascii", "must be made of ASCII characters")
        return text

    return ruled(rule, pattern=f"^[ -~]{{1,{longest}}}$")


def ruled(rule: Callable[[Any], Any], **schema: Any) -> msgspec.Meta:
    """The annotation of a field that `rule` reads. `schema` is the rest of msgspec.Meta, for JSON schemas."""
    return msgspec.Meta(extra={"rule": rule}, **schema)


def rule_of(hint: Any) -> Callable[[Any], Any]:
    """The rule in an annotated type. Raises LookupError if it has none."""
    for note in get_args(hint):
        extra = note.extra if isinstance(note, msgspec.Meta) else None
        if extra and "rule" in extra:
            rule: Callable[[Any], Any] = extra["rule"]
            return rule
    raise LookupError(f"{hint} has no rule")


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
