"""Parse expected traffic: a rate, a peak as a rate or factor, and a curve in a CSV file."""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path

from orderstream.capacity.demand import MOST_ORDERS_A_SECOND
from orderstream.capacity.traffic import Curve
from orderstream.domain.fields import InvalidValue, timestamp
from orderstream.errors import InputError, NotFoundError

_FACTOR = re.compile(r"([0-9.]+)\s*[x×]")
_SECONDS = {"s": 1, "min": 60, "h": 3600, "day": 86400}
# A month; simulating more would take minutes.
MOST_SECONDS = 31 * 86400
_HINT = 'each line has a time (seconds, or RFC 3339) and orders a second: "3600,250"'


@dataclass(frozen=True)
class RecordedCurve:
    """A curve, and the start of its file: a time (UTC) or a second."""

    curve: Curve
    begin: datetime | None
    first: float

    def second_of(self, text: str) -> float:
        """The second of the curve for a time written as in the file. Raises InputError."""
        second = _seconds(text, self.begin) - self.first
        if not 0 <= second < self.curve.end:
            raise InputError(f"{text!r} is not within the traffic", hint="give a time as the file has them")
        return second


def orders_per_second(text: str) -> Decimal:
    """A rate in orders a second: "2000", or "1000/day", "60/min", "3600/h", "5/s". Raises InputError."""
    number, slash, unit = text.partition("/")
    seconds = _SECONDS.get(unit.strip()) if slash else 1
    try:
        if seconds is None:
            raise InputError("an unknown unit")
        return _number(number) / seconds
    except InputError:
        raise InputError(
            f"{text!r} is not a number of orders a second",
            hint='write "2000", "0.5" or, by another unit, "1000/day", "500/h", "60/min"',
        ) from None


def _number(text: str) -> Decimal:
    """A finite number. Raises InputError."""
    try:
        number = Decimal(text.strip().replace(",", "").replace("_", ""))
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite():
        raise InputError(f"{text!r} is not a number", hint='write "2000" or "0.5"')
    return number


def peak_of(text: str, rate: Decimal) -> Decimal:
    """The peak in orders a second: "5x" is five times `rate`, "10000" is absolute. Raises InputError."""
    factor = _FACTOR.fullmatch(text.strip())
    return _number(factor[1]) * rate if factor else orders_per_second(text)


def curve_in(file: Path) -> RecordedCurve:
    """Read the curve in a CSV file: time (seconds or RFC 3339), orders a second; a header is optional.

    A rate applies until the next line's time, and the last for as long as the one before it. Raises
    NotFoundError if the file does not exist, and InputError with the number of an invalid line.
    """
    try:
        lines = file.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError:
        raise InputError(f"{file} is not text", hint=_HINT) from None
    except OSError as error:
        raise NotFoundError(f"cannot read {file}: {error.strerror}") from None
    rows: list[tuple[float, float]] = []
    begin: datetime | None = None
    for number, row in enumerate(csv.reader(lines), start=1):
        if not row or (number == 1 and not _is_number(row[-1])):
            continue
        try:
            if len(row) != 2:
                raise InputError(f"{len(row)} columns", hint=_HINT)
            begin = begin or _moment(row[0])
            second, rate = _seconds(row[0], begin), _number(row[1])
            if not 0 <= rate <= MOST_ORDERS_A_SECOND:
                raise InputError(f"a rate of {rate:f}", hint=f"0 to {MOST_ORDERS_A_SECOND:,} orders a second")
            if rows and second <= rows[-1][0]:
                raise InputError("its time is not after the one before", hint=_HINT)
        except InputError as error:
            raise InputError(f"{file}, line {number}: {error.message}", hint=error.hint) from None
        rows.append((second, float(rate)))
    if len(rows) < 2 or not any(rate for _, rate in rows):
        raise InputError(f"{file} has no traffic", hint=f"two lines at least; {_HINT}")
    first = rows[0][0]
    seconds = tuple(second - first for second, _ in rows)
    end = 2 * seconds[-1] - seconds[-2]
    if end > MOST_SECONDS:
        raise InputError(f"{file} covers {end / 86400:.0f} days", hint="31 days at most")
    return RecordedCurve(Curve(seconds, tuple(rate for _, rate in rows), end), begin, first)


def _is_number(text: str) -> bool:
    try:
        _number(text)
    except InputError:
        return False
    return True


def _moment(text: str) -> datetime | None:
    try:
        return timestamp(text.strip())
    except InvalidValue:
        return None


def _seconds(text: str, begin: datetime | None) -> float:
    if begin is not None:
        moment = _moment(text)
        if moment is None:
            raise InputError(
                f"{text!r} is not an RFC 3339 time", hint='"2026-11-27T18:00:00Z", as the line before'
            )
        return (moment - begin).total_seconds()
    try:
        return float(_number(text))
    except InputError:
        raise InputError(f"{text!r} is not a time", hint=_HINT) from None
