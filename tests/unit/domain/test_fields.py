"""Numbers keep every digit or are refused; times are text that sorts as they do."""

from collections import Counter
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from orderstream.domain.currencies import CURRENCIES, minor_units, money
from orderstream.domain.fields import MAX_DIGITS, InvalidValue, exact_number, utc_text

NUMBERS = st.decimals(allow_nan=False, allow_infinity=False) | st.builds(
    lambda digits, exponent: Decimal(digits).scaleb(exponent),
    st.integers(min_value=-(10**27), max_value=10**27),
    st.integers(min_value=-140, max_value=140),
)
ZONES = st.integers(min_value=-800, max_value=800).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@given(NUMBERS)
def test_a_number_is_taken_exactly_or_refused_as_dynamodb_would(number: Decimal) -> None:
    digits = "".join(map(str, number.as_tuple().digits)).strip("0")
    fits = not digits or (len(digits) <= MAX_DIGITS and -130 <= number.adjusted() <= 125)
    try:
        exact = exact_number(number)
    except InvalidValue as refused:
        assert not fits
        assert refused.code == "number_out_of_range"
    else:
        assert fits
        assert exact == number
        assert exact or str(exact) == "0", "never a negative zero"


@given(st.datetimes(timezones=ZONES))
def test_a_time_is_utc_text_of_fixed_width(moment: datetime) -> None:
    assume(2 <= moment.year <= 9998)
    expected = moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
    assert utc_text(moment) == expected
    assert len(expected) == len("2026-11-22T18:00:00.000000Z")


@pytest.mark.parametrize(
    ("amount", "currency", "text"),
    [
        ("19.9", "EUR", "19.90"),
        ("19.905", "EUR", "19.905"),
        ("1E+3", "EUR", "1000.00"),
        ("1000", "JPY", "1000"),
        ("19.9", "JPY", "19.9"),
        ("1.5", "BHD", "1.500"),
        ("1.5", "CLF", "1.5000"),
        ("1.5", "XAU", "1.5"),
        ("0", "USD", "0.00"),
        ("-0.5", "USD", "-0.50"),
        ("1E-130", "USD", f"0.{'0' * 129}1"),
    ],
)
def test_money_has_its_currencys_minor_units_at_least(amount: str, currency: str, text: str) -> None:
    assert money(Decimal(amount), currency) == text


@given(NUMBERS, st.sampled_from(sorted(CURRENCIES)))
def test_money_keeps_every_digit(amount: Decimal, currency: str) -> None:
    text = money(amount, currency)
    assert Decimal(text) == amount
    assert len(text.partition(".")[2]) >= (minor_units(currency) or 0)


def test_minor_units_are_those_of_iso_4217() -> None:
    counted = Counter(map(minor_units, CURRENCIES))
    assert counted == {2: len(CURRENCIES) - 38, 0: 17, None: 12, 3: 7, 4: 2}
    assert {minor_units(one) for one in ("JPY", "KRW", "VND", "ISK")} == {0}
    assert {minor_units(one) for one in ("XAU", "XDR", "XTS")} == {None}
