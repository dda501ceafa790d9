"""Formats numbers for people: rates, bytes, dollars, revenue, durations."""

from decimal import Decimal

from orderstream.domain.currencies import minor_units

_Number = Decimal | float | int


def count(number: _Number) -> str:
    """`12,345`; below 100 with three significant digits: `2.39`, `0.0421`."""
    value = Decimal(number)
    if abs(value) >= 100 or value == value.to_integral_value():
        return f"{value:,.0f}"
    digits = max(0, 2 - value.adjusted())
    return f"{value:.{digits}f}".rstrip("0").rstrip(".")


def large(number: _Number) -> str:
    """`262.8 million`, `5.26 billion`: for monthly numbers."""
    value = Decimal(number)
    for step, word in ((10**12, "trillion"), (10**9, "billion"), (10**6, "million")):
        if value >= step:
            return f"{count(value / step)} {word}"
    return count(value)


def size(number: _Number) -> str:
    """Bytes: `609 bytes`, `46.2 KB`, `1.05 TB`; each unit is 1,024 of the previous one."""
    value = Decimal(number)
    for power, word in ((5, "PB"), (4, "TB"), (3, "GB"), (2, "MB"), (1, "KB")):
        if value >= 1024**power:
            return f"{count(value / 1024**power)} {word}"
    return f"{count(value)} bytes"


def dollars(amount: Decimal) -> str:
    """`$0.49`, `$9,667`: cents where they matter."""
    return f"${amount:,.2f}" if amount < 1000 else f"${amount:,.0f}"


def revenue(amount: float, currency: str) -> str:
    """`1,019.90`: a sum that CloudWatch has already rounded, with the currency's decimal places."""
    units = minor_units(currency)
    return f"{amount:,.{2 if units is None else units}f}"


def length(seconds: _Number) -> str:
    """`2.09 s`, `6 min 40 s`, `71 h 59 min`, `12 days`."""
    whole = round(seconds)
    if whole < 60:
        return f"{count(seconds)} s"
    for unit, name, part, of_part in (
        (86400, "days", 3600, "h"),
        (3600, "h", 60, "min"),
        (60, "min", 1, "s"),
    ):
        # Up to ten days are shown in hours, as is usual for outages and retention.
        if whole >= unit * (10 if name == "days" else 1):
            rest = whole % unit // part
            return f"{whole // unit:,} {name}" + (f" {rest} {of_part}" if rest else "")
    return f"{whole} s"
