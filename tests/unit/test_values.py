"""Numbers keep every digit or are refused; times are text that sorts as they do."""

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

from hypothesis import assume, given
from hypothesis import strategies as st

from orderstream.domain.values import MAX_DIGITS, Refused, exact_number, utc_text

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
    except Refused as refused:
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
