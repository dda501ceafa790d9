"""What goes into a Parquet file comes out of it: every byte, every place; and SQL sees exact values."""

from __future__ import annotations

import gzip
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orderstream.domain.decode import decode
from orderstream.domain.ids import order_id_of
from orderstream.domain.object_keys import ORDERS
from orderstream.pipeline.archive_codec import ArchiveLine, encode, original_bytes, read_line
from orderstream.pipeline.records import Record
from orderstream.storage import parquet
from orderstream.storage.columns import EVENT_FIELDS, stored_types
from orderstream.storage.parquet import LocatedLine, UnreadableValue

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


def line(number: int, data: bytes, *, key: str = "k", shard: str = "shardId-1") -> ArchiveLine:
    record = Record(f"{shard}:{number}", shard, str(number), key, NOON + timedelta(seconds=number), data)
    what = decode(data)
    if what.event:
        sent = what.event.sent
        return read_line(encode(record, json=what.json, order_id=sent.order_id, event=sent.event))
    order_id = order_id_of(what.order, record.event_id) if what.order else None
    return read_line(encode(record, json=what.json, order_id=order_id))


def placed(number: int, data: bytes, where: str = f"{ORDERS}a.gz") -> LocatedLine:
    return LocatedLine(where, number, NOON, line(number, data))


def about(one: LocatedLine) -> tuple[object, ...]:
    line = one.line
    identity = (line.event_id, line.partition_key, line.arrived_at, line.order_id, line.event)
    return one.key, one.number, one.written, *identity, original_bytes(line)


ORDER = st.builds(
    lambda customer, amount, more: f'{{"customer_id": "{customer}", "amount": {amount}{more}}}'.encode(),
    st.sampled_from(["1", "caf\u00e9", "\\ud83d\\ude00", '\\" quotes']),
    st.decimals(min_value=Decimal("0.01"), max_value=Decimal("1e20"), places=2).map(str),
    st.sampled_from(["", "\n", ', "order_id": "A"', ', "x": "\\u0000"']),
)
EVENT = st.sampled_from([b'{"order_id": "A", "event": "paid"}', b'{"order_id": "A", "event": "unknown"}'])
DATA = st.one_of(
    st.binary(max_size=60), st.text(max_size=60).map(str.encode), ORDER, EVENT, ORDER.map(gzip.compress)
)


@settings(max_examples=20)
@given(st.lists(st.tuples(DATA, st.text(max_size=5)), min_size=1, max_size=20))
def test_every_record_comes_back_in_its_place_with_every_byte(records: list[tuple[bytes, str]]) -> None:
    lines = [
        LocatedLine(f"{ORDERS}{number % 3}.gz", number, NOON, line(number, data, key=key))
        for number, (data, key) in enumerate(records)
    ]
    with TemporaryDirectory() as folder:
        file = Path(folder) / "a.parquet"
        assert parquet.write(file, lines, "EUR") == len(lines)
        assert sorted(map(about, parquet.by_place(file)), key=str) == sorted(map(about, lines), key=str)
        arrived = [one.line.event_id for one in parquet.by_arrival(file)]
        assert arrived == [f"shardId-1:{number}" for number in range(len(lines))]


def test_the_same_line_in_two_places_is_one_row_and_two_lines(tmp_path: Path) -> None:
    file = tmp_path / "a.parquet"
    lines = [placed(1, b"same"), placed(1, b"same", f"{ORDERS}b.gz"), placed(2, b"other")]
    assert parquet.write(file, lines, "EUR") == 2
    assert sorted(map(about, parquet.by_place(file))) == sorted(map(about, lines))
    assert [one.key for one in parquet.by_place(file, key=f"{ORDERS}b.gz")] == [f"{ORDERS}b.gz"]
    assert [one.line.event_id for one in parquet.by_arrival(file)] == ["shardId-1:1", "shardId-1:2"]
    # Other bytes of the same event are another row.
    assert parquet.write(file, [placed(1, b"one"), placed(1, b"two", f"{ORDERS}b.gz")], "EUR") == 2


@pytest.mark.parametrize("byte", [b"\1", b"\xff"])
def test_the_largest_record_of_kinesis_fits(byte: bytes, tmp_path: Path) -> None:
    file = tmp_path / "a.parquet"
    large = byte * 10 * 1024 * 1024
    lines = [placed(1, b"small"), placed(2, large)]
    assert parquet.write(file, lines, "EUR") == 2
    assert sorted(map(about, parquet.by_place(file))) == sorted(map(about, lines))


def test_events_of_one_moment_come_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    file = tmp_path / "a.parquet"
    numbers = ["9", "10", "10:2", "10:10", "11"]
    lines = [
        LocatedLine(
            f"{ORDERS}a.gz", place, NOON, ArchiveLine(f"s:{number}", "k", "2026-11-22T12:00:00.000000Z", None)
        )
        for place, number in enumerate(reversed(numbers))
    ]
    parquet.write(file, lines, "EUR")
    assert [one.line.event_id for one in parquet.by_arrival(file)] == [f"s:{number}" for number in numbers]


def test_lines_with_a_text_or_of_a_customer_are_found(tmp_path: Path) -> None:
    file = tmp_path / "a.parquet"
    orders = [b'{"customer_id": "c%d", "amount": 1, "order_id": "A-%d"}' % (n % 3, n) for n in range(9)]
    parquet.write(file, [placed(number, data) for number, data in enumerate([*orders, b"no order"])], "EUR")
    assert [one.line.order_id for one in parquet.with_text(file, "A-4")] == ["A-4"]
    assert [one.line.event_id for one in parquet.with_text(file, "shardId-1:9")] == ["shardId-1:9"]
    assert [one.line.event_id for one in parquet.with_text(file, "no ord")] == ["shardId-1:9"]
    found = {one.line.order_id for one in parquet.of_customer(file, "c1")}
    assert found == {"A-1", "A-4", "A-7", None}


def test_what_is_no_such_file_is_unreadable(tmp_path: Path) -> None:
    file = tmp_path / "a.parquet"
    file.write_bytes(b"PAR1 and nothing else")
    with pytest.raises(UnreadableValue):
        list(parquet.by_place(file))
    with parquet.database() as sql:
        sql.execute(f"COPY (SELECT 1 AS x) TO '{file}' (FORMAT parquet)")
    with pytest.raises(UnreadableValue):
        list(parquet.by_arrival(file))


def row(data: bytes, tmp_path: Path) -> dict[str, Any]:
    file = tmp_path / "a.parquet"
    parquet.write(file, [placed(1, data)], "EUR")
    with parquet.database() as sql:
        found = sql.execute("SELECT * FROM read_parquet(?)", [str(file)])
        names = [column[0] for column in found.description or []]
        assert names == [*stored_types(), "places"]
        return dict(zip(names, found.fetchone() or (), strict=True))


@pytest.mark.parametrize(
    ("amount", "seen"),
    [
        ("250.00", "250"),
        ('"19.90"', "19.9"),
        ("1e2", "100"),
        ("1234567890123456789012345678", "1234567890123456789012345678"),
        ("0.1234567891", "0.1234567891"),
        # Ten decimals and 28 digits before them are what SQL's type holds: never a rounded sum.
        ("0.12345678912", None),
        ("12345678901234567890123456789", None),
        ("1e100", None),
    ],
)
def test_an_amount_is_exact_or_not_there(amount: str, seen: str | None, tmp_path: Path) -> None:
    found = row(b'{"customer_id": "1", "amount": %s}' % amount.encode(), tmp_path)
    assert found["amount"] == (None if seen is None else Decimal(seen))
    assert found["order_id"] == "shardId-1:1"


def test_an_order_has_its_fields_in_columns_and_its_defaults(tmp_path: Path) -> None:
    text = (
        '{"customer_id": "1", "amount": 30, "order_date": "2026-11-22T13:30:00+02:00", "items": ['
        '{"sku": "a", "quantity": 3, "unit_price": "10.0"}], "unknown": 1}'
    )
    found = row(text.encode(), tmp_path)
    assert (found["currency"], found["raw"], found["raw_base64"]) == ("EUR", text, None)
    assert found["order_date"] == datetime(2026, 11, 22, 11, 30, tzinfo=UTC)
    assert found["items"] == [{"sku": "a", "quantity": Decimal(3), "unit_price": Decimal(10)}]
    many = b'{"customer_id": "1", "amount": 1e50, "items": [{"sku": "a", "quantity": 1e50, "unit_price": 1}]}'
    assert row(many, tmp_path)["items"] == [{"sku": "a", "quantity": None, "unit_price": Decimal(1)}]
    plain = row(b'{"customer_id": "1", "amount": 1, "currency": "USD"}', tmp_path)
    assert (plain["currency"], plain["items"], plain["order_date"]) == (
        "USD",
        None,
        NOON + timedelta(seconds=1),
    )


def test_an_event_has_its_own_fields_and_none_of_an_order(tmp_path: Path) -> None:
    text = (
        '{"order_id": "A", "event": "amended", "event_id": "e-1", "seq": 7, "currency": "USD",'
        ' "occurred_at": "2026-11-22T13:30:00+02:00", "carrier": 1.50,'
        ' "items": [{"sku": "a", "quantity": 3, "unit_price": "10.0"}]}'
    )
    found = row(text.encode(), tmp_path)
    assert (found["order_id"], found["event"], found["raw"]) == ("A", "amended", text)
    of_order = ("customer_id", "amount", "currency", "order_date", "items")
    assert {found[name] for name in of_order} == {None}
    assert found[EVENT_FIELDS] == {
        "producer_event_id": "e-1",
        "seq": Decimal(7),
        "occurred_at": datetime(2026, 11, 22, 11, 30, tzinfo=UTC),
        # Of an amendment that has only items it is their sum, as in the table.
        "amount": Decimal(30),
        "currency": "USD",
        "items": [{"sku": "a", "quantity": Decimal(3), "unit_price": Decimal(10)}],
        "details": '{"carrier":1.50}',
    }
    least = row(b'{"order_id": "A", "event": "paid"}', tmp_path)[EVENT_FIELDS]
    assert least == dict.fromkeys(least) | {"occurred_at": NOON + timedelta(seconds=1)}
    large = row(b'{"order_id": "A", "event": "captured", "amount": 1e100}', tmp_path)
    assert large[EVENT_FIELDS]["amount"] is None
    assert row(b'{"customer_id": "1", "amount": 1}', tmp_path)[EVENT_FIELDS] is None


def test_a_file_from_before_there_were_events_reads_as_it_did(tmp_path: Path) -> None:
    file, old = tmp_path / "a.parquet", tmp_path / "old.parquet"
    lines = [placed(1, b'{"customer_id": "1", "amount": 1}'), placed(2, b"no order")]
    parquet.write(file, lines, "EUR")
    with parquet.database() as sql:
        # The model could have a field with that name then.
        columns = f"* EXCLUDE (event, {EVENT_FIELDS}), 'fair' AS event"
        sql.execute(f"COPY (SELECT {columns} FROM read_parquet('{file}')) TO '{old}' (FORMAT parquet)")
    assert sorted(map(about, parquet.by_place(old))) == sorted(map(about, lines))
    assert [one.line.event for one in parquet.by_arrival(old)] == [None, None]
    assert [one.line.event_id for one in parquet.of_customer(old, "1")] == ["shardId-1:1", "shardId-1:2"]


@pytest.mark.parametrize(
    ("data", "raw", "has_bytes"),
    [
        (b"no order", "no order", False),
        (b"", "", False),
        (b"\xff", None, True),
        (b'{"customer_id": "1"}', '{"customer_id": "1"}', False),
        (
            gzip.compress(b'{"customer_id": "1", "amount": -1}', mtime=0),
            '{"customer_id": "1", "amount": -1}',
            True,
        ),
    ],
)
def test_what_is_no_order_has_its_bytes_and_no_fields(
    data: bytes, raw: str | None, has_bytes: bool, tmp_path: Path
) -> None:
    found = row(data, tmp_path)
    assert (found["raw"], found["raw_base64"] is not None) == (raw, has_bytes)
    assert [found[name] for name in ("order_id", "customer_id", "amount", "currency", "order_date")] == [
        None
    ] * 5
