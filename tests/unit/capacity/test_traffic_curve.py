"""Traffic as people give it is read, or refused with the line that is wrong."""

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from orderstream.capacity.traffic_curve import curve_in, orders_per_second, peak_of
from orderstream.errors import InputError, NotFoundError


def written(folder: Path, text: str) -> Path:
    file = folder / "traffic.csv"
    file.write_text(text)
    return file


@pytest.mark.parametrize(
    ("text", "peak"),
    [
        ("5x", "10000"),
        ("1.5 x", "3000"),
        ("2×", "4000"),
        ("8,000", "8000"),
        ("1_000_000", "1000000"),
        ("0.1", "0.1"),
    ],
)
def test_a_peak_is_a_factor_or_exact_orders_a_second(text: str, peak: str) -> None:
    assert peak_of(text, Decimal(2000)) == Decimal(peak)


@pytest.mark.parametrize(
    ("text", "rate"),
    [("86,400/day", "1"), ("1800/h", "0.5"), ("90 / min", "1.5"), ("7/s", "7"), ("7", "7")],
)
def test_a_rate_has_a_unit_of_time_or_is_orders_a_second(text: str, rate: str) -> None:
    assert orders_per_second(text) == Decimal(rate)
    assert peak_of(text, Decimal(2)) == Decimal(rate)


@pytest.mark.parametrize(
    "text", ["", "many", "nan", "inf", "-inf", "5 y", "x", "1.2.3x", "1/week", "1/", "/s", "1/60", "1/s/s"]
)
def test_anything_else_is_no_rate(text: str) -> None:
    with pytest.raises(InputError) as caught:
        peak_of(text, Decimal(1))
    assert caught.value.hint


def test_a_curve_has_a_rate_from_each_second_on(tmp_path: Path) -> None:
    for header in ("", "second,orders per second\n"):
        found = curve_in(written(tmp_path, f"{header}0,100\n60, 250.5\n\n90,0\n"))
        assert found.curve.seconds == (0, 60, 90)
        assert found.curve.rates == (100, 250.5, 0)
        # The last rate holds for as long as the one before it.
        assert (found.curve.end, found.begin) == (120, None)
        assert found.second_of("75") == 75
        # An outage begins within the traffic.
        for text in ("120", "-1", "noon"):
            with pytest.raises(InputError):
                found.second_of(text)


def test_a_curve_may_have_moments_of_rfc_3339_or_begin_at_another_second_than_0(tmp_path: Path) -> None:
    file = written(tmp_path, "time,rate\n2026-11-27T18:00:00Z,100\n2026-11-27T20:00:00+01:00,400\n")
    found = curve_in(file)
    assert found.curve.seconds == (0, 3600)
    assert found.begin == datetime(2026, 11, 27, 18, tzinfo=UTC)
    assert found.second_of("2026-11-27T18:30:00Z") == 1800
    found = curve_in(written(tmp_path, "100,1\n110,2\n"))
    assert found.curve.seconds == (0, 10)
    assert found.second_of("105") == 5


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("0,100\n10,many\n", "line 2: 'many' is not a number"),
        ("0,100\nlater,5\n", "line 2: 'later' is not a time"),
        ("0,100\n10\n", "line 2: 1 columns"),
        ("0,100\n10,1,1\n", "line 2: 3 columns"),
        ("0,100\n0,100\n", "line 2: its time is not after"),
        ("10,100\n5,100\n", "line 2: its time is not after"),
        ("0,100\n10,-1\n", "line 2: a rate of -1"),
        ("0,100\n10,1e9\n", "line 2: a rate of 1000000000"),
        ("2026-11-27T18:00:00Z,1\n60,2\n", "line 2: '60' is not an RFC 3339 time"),
        ("0,1\n1,nan\n", "line 2: 'nan' is not a number"),
        ("time,rate\n", "has no traffic"),
        ("", "has no traffic"),
        ("0,5\n", "has no traffic"),
        ("0,0\n1,0\n", "has no traffic"),
        ("0,1\n3000000,1\n", "covers 69 days"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        curve_in(written(tmp_path, text))
    assert message in caught.value.message
    assert caught.value.hint


def test_a_file_that_is_not_there_or_no_text_is_no_traffic(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError):
        curve_in(tmp_path / "none.csv")
    binary = tmp_path / "traffic.csv"
    binary.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError):
        curve_in(binary)
