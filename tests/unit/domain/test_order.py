"""What is an order and what is not: every rule, with the reason and path that a shop gets to see."""

import gzip
import tracemalloc
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from orderstream.domain.decode import AGGREGATE_MAGIC, Decoded, decode
from orderstream.domain.order import MAX_BYTES, Item
from orderstream.domain.validation import MAX_REASONS


def reasons(data: bytes | str) -> list[tuple[str, str]]:
    found = decode(data.encode() if isinstance(data, str) else data)
    assert (found.order is None) == bool(found.reasons)
    return [(reason.path, reason.code) for reason in found.reasons]


def zipped(data: bytes) -> bytes:
    return gzip.compress(data, mtime=0)


def with_amount(amount: str) -> str:
    return f'{{"customer_id": "12345", "amount": {amount}}}'


def with_field(name: str, value: str) -> str:
    return f'{{"customer_id": "12345", "amount": 6, "{name}": {value}}}'


def accepted(data: str) -> Decoded:
    found = decode(data.encode())
    assert found.reasons == ()
    return found


def test_the_smallest_order_is_a_customer_and_an_amount() -> None:
    order = accepted('{"customer_id": "12345", "amount": 250.00}').order
    assert order is not None
    assert (order.customer_id, order.amount) == ("12345", Decimal(250))
    assert (order.order_id, order.currency, order.order_date, order.items) == (None, None, None, None)


@pytest.mark.parametrize(
    ("amount", "value"),
    [
        ("250.00", "250"),
        ('"250.00"', "250"),
        ('"0.10"', "0.1"),
        ("0.1", "0.1"),
        ("1e3", "1000"),
        ("99999999999999999999999999999999999999", "99999999999999999999999999999999999999"),
        ("1e125", "1e125"),
        ("1e-130", "1e-130"),
        ("1." + "0" * 60, "1"),
        ("7" + "0" * 60, "7e60"),
    ],
)
def test_an_amount_keeps_every_digit(amount: str, value: str) -> None:
    order = accepted(with_amount(amount)).order
    assert order is not None
    assert order.amount == Decimal(value)


@pytest.mark.parametrize(
    ("amount", "code"),
    [
        ("-1", "not_positive"),
        ('"-1"', "not_positive"),
        ("0", "not_positive"),
        ("-0.0", "not_positive"),
        ("0e999999", "not_positive"),
        ("1e400", "number_out_of_range"),
        ("1e126", "number_out_of_range"),
        ("1e-131", "number_out_of_range"),
        ("1" * 39, "number_out_of_range"),
        ("0." + "1" * 39, "number_out_of_range"),
        ('"' + "1" * 5000 + '"', "number_out_of_range"),
        ('"12,50"', "not_a_number"),
        ('"1e3"', "not_a_number"),
        ('" 1 "', "not_a_number"),
        ('"+1"', "not_a_number"),
        ('".5"', "not_a_number"),
        ('"5."', "not_a_number"),
        ('"NaN"', "not_a_number"),
        ('"Infinity"', "not_a_number"),
        ('"١"', "not_a_number"),
        ('""', "not_a_number"),
        ("true", "not_a_number"),
        ("[1]", "not_a_number"),
        ("{}", "not_a_number"),
        ("null", "missing"),
    ],
)
def test_an_amount_that_is_no_exact_positive_number_is_refused(amount: str, code: str) -> None:
    assert reasons(with_amount(amount)) == [("$.amount", code)]


@pytest.mark.parametrize("amount", ["NaN", "Infinity", "-Infinity"])
def test_numbers_that_are_not_json_are_named_with_their_path(amount: str) -> None:
    assert reasons(with_amount(amount)) == [("$", "not_json"), ("$.amount", "not_finite")]


@pytest.mark.parametrize(
    "number", ["1e99999999999999999999", "-1E-99999999999999999999", "0e99999999999999999999"]
)
def test_a_number_that_no_decimal_can_hold_is_refused_wherever_it_stands(number: str) -> None:
    assert reasons(with_amount(number)) == [("$", "number_out_of_range")]
    assert reasons(with_field("unknown", f"[{number}]")) == [("$", "number_out_of_range")]
    assert decode(with_field("unknown", f"[{number}, NaN]").encode()).json is None, "it is no JSON further on"
    assert reasons(with_amount(f'NaN, "unknown": {number}')) == [("$", "not_json")]


@pytest.mark.parametrize("name", ["customer_id", "order_id", "currency", "order_date", "unknown"])
def test_half_a_surrogate_pair_is_no_json_wherever_it_stands(name: str) -> None:
    assert reasons(f'{{"customer_id": "c", "amount": 1, "{name}": "\\ud800"}}')[0] == ("$", "not_json")


def test_an_order_nests_a_hundred_deep_at_most_whatever_the_stack_could_bear() -> None:
    def nested(depth: int, opening: str, closing: str) -> str:
        # The order itself is the first of them.
        return with_field("unknown", opening * (depth - 1) + "1" + closing * (depth - 1))

    for opening, closing in (('{"a":', "}"), ("[", "]")):
        assert reasons(nested(100, opening, closing)) == []
        for depth in (101, 500, *range(900, 1100, 10), 60_000):
            assert reasons(nested(depth, opening, closing)) == [("$", "too_deep")]


def test_many_brackets_side_by_side_are_not_deep() -> None:
    assert reasons(with_field("unknown", "[" + ",".join(["[{}]"] * 200) + "]")) == []


def test_an_integer_too_long_for_the_parser_is_named_with_its_path() -> None:
    assert reasons(with_amount("1" * 5000)) == [("$", "not_json"), ("$.amount", "number_out_of_range")]


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "empty"),
        (b" \n", "empty"),
        (b"not JSON", "not_json"),
        (b'{"customer_id": "12345", "amount": 1', "not_json"),
        (b'{"customer_id": "12345", "amount": 1} {}', "not_json"),
        (b"\xff\xfe", "not_utf8"),
        (b'{"customer_id": "12345", "amount": 1, "note": "\xe9"}', "not_utf8"),
        (b"[]", "not_an_object"),
        (b'[{"customer_id": "12345", "amount": 1}]', "not_an_object"),
        (b'"eyJjdXN0b21lcl9pZCI6ICIxMjM0NSJ9"', "not_an_object"),
        (b"12", "not_an_object"),
        (b"null", "not_an_object"),
        (b"[" * 100_000, "too_deep"),
        (b'{"a":' * 50_000, "too_deep"),
        (b'{"customer_id": "12345", "amount": 1, "padding": "' + b"x" * 2**20 + b'"}', "too_large"),
    ],
)
def test_bytes_that_are_no_json_object_are_refused_whole(data: bytes, code: str) -> None:
    assert reasons(data) == [("$", code)]


def test_a_compressed_order_is_an_order() -> None:
    order = decode(zipped(b'{"customer_id": "12345", "amount": 250.00}')).order
    assert order is not None
    assert order.amount == 250


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (zipped(b""), "empty"),
        (zipped(b"not JSON"), "not_json"),
        (zipped(b"[1]"), "not_an_object"),
        (zipped(b"{}")[:-3], "bad_gzip"),
        (zipped(b"{}") + b"more", "bad_gzip"),
        (zipped(b"{}")[:-8] + b"\0" * 8, "bad_gzip"),
        (b"\x1f\x8b", "bad_gzip"),
        (b"\x1f\x8bnot gzip at all", "bad_gzip"),
        (zipped(b" " * 2**24), "too_large"),
        (zipped(zipped(b"{}")), "not_utf8"),
        (AGGREGATE_MAGIC + b"not an aggregate", "corrupt_aggregate"),
        (zipped(AGGREGATE_MAGIC), "corrupt_aggregate"),
    ],
)
def test_what_cannot_be_taken_out_of_its_wrapping_is_refused_whole(data: bytes, code: str) -> None:
    assert reasons(data) == [("$", code)]


def test_a_decompression_bomb_is_not_let_off() -> None:
    bomb = zipped(b" " * 2**24)
    tracemalloc.start()
    decode(bomb)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4 * MAX_BYTES, "of 16 MiB"


def test_the_largest_order_is_taken() -> None:
    head, tail = b'{"customer_id": "12345", "amount": 1, "padding": "', b'"}'
    assert not reasons(head + b"x" * (MAX_BYTES - len(head) - len(tail)) + tail)


def test_every_broken_rule_of_a_record_is_reported_with_its_path() -> None:
    data = """{"amount": -1, "order_id": "a\\u0007", "currency": "eur", "order_date": "yesterday",
               "items": [{"sku": "", "quantity": 1.5}, 7, {"sku": "A", "quantity": 1, "unit_price": -1}]}"""
    assert reasons(data) == [
        ("$.customer_id", "missing"),
        ("$.amount", "not_positive"),
        ("$.order_id", "not_printable"),
        ("$.currency", "unknown_currency"),
        ("$.order_date", "not_a_date"),
        ("$.items[0].sku", "empty"),
        ("$.items[0].quantity", "not_an_integer"),
        ("$.items[0].unit_price", "missing"),
        ("$.items[1]", "not_an_object"),
        ("$.items[2].unit_price", "negative"),
    ]


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ('""', "empty"),
        ('"  "', "empty"),
        ("12345", "not_a_string"),
        ("true", "not_a_string"),
        ('"a\\nb"', "not_printable"),
        ('"a\\u200bb"', "not_printable"),
        (f'"{"x" * 300}"', "too_long"),
    ],
)
def test_a_customer_id_is_a_short_printable_string(value: str, code: str) -> None:
    assert reasons(f'{{"customer_id": {value}, "amount": 1}}') == [("$.customer_id", code)]


@pytest.mark.parametrize("value", ['"Zoë & Söhne"', '"顧客"', '"a/b:c#1"', f'"{"x" * 256}"'])
def test_a_customer_id_may_be_in_any_script(value: str) -> None:
    assert not reasons(f'{{"customer_id": {value}, "amount": 1}}')


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (f'"{"x" * 300}"', "too_long"),
        (f'"{"x" * 129}"', "too_long"),
        ('"a\\u0000"', "not_printable"),
        ('"ö"', "not_ascii"),
        ("7", "not_a_string"),
        ('""', "empty"),
    ],
)
def test_an_order_id_is_a_short_ascii_string(value: str, code: str) -> None:
    assert reasons(with_field("order_id", value)) == [("$.order_id", code)]


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-11-22T18:00:00Z", datetime(2026, 11, 22, 18, tzinfo=UTC)),
        ("2026-11-22T18:00:00.123456+02:00", datetime(2026, 11, 22, 16, 0, 0, 123456, tzinfo=UTC)),
        ("2026-12-31T23:30:00-01:00", datetime(2027, 1, 1, 0, 30, tzinfo=UTC)),
    ],
)
def test_an_order_date_is_one_instant_in_utc(text: str, moment: datetime) -> None:
    order = accepted(with_field("order_date", f'"{text}"')).order
    assert order is not None
    assert order.order_date == moment
    assert order.order_date.tzinfo is UTC


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ('"2026-11-22T18:00:00"', "no_time_zone"),
        ('"20266-11-22T18:00:00Z"', "not_a_date"),
        ('"2026-11-22"', "not_a_date"),
        ('"2026-02-30T18:00:00Z"', "not_a_date"),
        ('"22.11.2026 18:00"', "not_a_date"),
        ('"0001-01-01T00:00:00+14:00"', "not_a_date"),
        ("1795372627", "not_a_string"),
    ],
)
def test_an_order_date_without_a_zone_or_out_of_the_calendar_is_refused(value: str, code: str) -> None:
    assert reasons(with_field("order_date", value)) == [("$.order_date", code)]


@pytest.mark.parametrize("value", ['"eur"', '"EURO"', '"ZZZ"', '""'])
def test_a_currency_is_a_code_of_iso_4217(value: str) -> None:
    assert reasons(with_field("currency", value)) == [("$.currency", "unknown_currency")]


def test_items_that_add_up_are_kept_with_every_digit() -> None:
    items = (
        '[{"sku": "A", "quantity": 3, "unit_price": "1.10"}, {"sku": "B", "quantity": 27, "unit_price": 0.1}]'
    )
    order = accepted(with_field("items", items)).order
    assert order is not None
    assert order.items == (Item("A", 3, Decimal("1.1")), Item("B", 27, Decimal("0.1")))


@pytest.mark.parametrize(
    "items",
    [
        '[{"sku": "A", "quantity": 3, "unit_price": 2.01}]',
        '[{"sku": "A", "quantity": 6, "unit_price": 1.0000000000000000000000000000000000001}]',
        "[]",
    ],
)
def test_items_that_do_not_add_up_are_refused(items: str) -> None:
    assert reasons(with_field("items", items)) == [("$.items", "items_do_not_add_up")]


def test_a_sum_is_exact_beyond_the_precision_of_one_number() -> None:
    items = (
        '[{"sku": "A", "quantity": 1, "unit_price": 1e60}, {"sku": "B", "quantity": 1, "unit_price": 1e-60}]'
    )
    data = f'{{"customer_id": "c", "amount": 1e60, "items": {items}}}'
    assert reasons(data) == [("$.items", "items_do_not_add_up")]


@pytest.mark.parametrize("name", ["order_id", "currency", "order_date", "items"])
def test_null_is_as_good_as_absent(name: str) -> None:
    assert not reasons(with_field(name, "null"))


def test_unknown_fields_are_no_error() -> None:
    assert not reasons(with_field("gift_wrap", '{"paper": ["red", 1.5, null]}'))


def test_a_refused_order_still_names_the_id_it_claims() -> None:
    assert decode(b'{"order_id": "A-1", "amount": 1}').raw_order_id == "A-1"
    assert decode(b'{"order_id": "A-1", "customer_id": "c", "amount": NaN}').raw_order_id == "A-1"
    assert decode(b'{"order_id": 7, "amount": 1}').raw_order_id is None


@pytest.mark.parametrize("line", ["{}", "0"])
def test_reasons_that_nobody_can_read_are_not_listed(line: str) -> None:
    found = reasons(with_field("items", f"[{','.join([line] * 10_000)}]"))
    assert len(found) == MAX_REASONS + 1
    assert found[-1] == ("$", "more_reasons")
