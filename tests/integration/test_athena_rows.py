"""Athena's views say of the archive what the rest of the system says of it, and each thing once."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from orderstream.aws.clients import AwsClients
from orderstream.aws.deployment import Deployment
from orderstream.domain.decode import decode
from orderstream.domain.object_keys import COMPACTED, ORDERS, QUARANTINE, hour_prefix
from orderstream.pipeline.archive_codec import ArchiveLine, original_bytes
from orderstream.pipeline.process import Invocation
from orderstream.pipeline.records import Record
from orderstream.pipeline.services import S3Store, make_archive
from orderstream.pipeline.settings import Settings
from orderstream.storage import bucket, parquet, reader
from orderstream.storage.columns import EVENT_FIELDS, column_types, to_row
from orderstream.storage.parquet import LocatedLine
from tests.fuzz.records import records as fuzz_records
from tests.integration.athena import HOURS, Athena, Row
from tests.integration.athena_cases import CASES, order
from tests.integration.deployed import deploy
from tests.integration.pipeline_harness import process_records

HOUR = datetime(2026, 11, 22, 18, tzinfo=UTC)


def of(number: int, data: bytes, arrived_at: datetime = HOUR, key: str | None = "k") -> Record:
    return Record(f"shard:{number:04}", "shard", f"{number:04}", key, arrived_at, data)


def settings_of(deployment: Deployment, layout: str = "batch", currency: str = "EUR") -> Settings:
    return Settings(
        deployment.table,
        deployment.bucket,
        deployment.name,
        layout,
        currency,
        events_table=deployment.events_table,
    )


def archive(deployment: Deployment, records: Sequence[Record], layout: str = "batch") -> None:
    """Archive records as the function does."""
    store = S3Store(deployment.cloud.s3, deployment.bucket)
    make_archive(settings_of(deployment, layout), store).write(
        records, [decode(record.data) for record in records]
    )


def lines(deployment: Deployment, prefix: str = ORDERS) -> dict[str, ArchiveLine]:
    """The archived lines by their event."""
    found = reader.lines(deployment, bucket.list_prefix(deployment, prefix))
    return {one.line.event_id: one.line for one in found}


def compact(deployment: Deployment, folder: Path, compacted: Iterable[ArchiveLine], hour: datetime) -> None:
    """Write the rows of an hour as Parquet."""
    file = folder / "rows.parquet"
    parquet.write(file, [LocatedLine(f"{ORDERS}x.ndjson.gz", 1, hour, line) for line in compacted], "EUR")
    key = f"{hour_prefix(COMPACTED, hour)}rows.parquet"
    deployment.cloud.s3.put_object(Bucket=deployment.bucket, Key=key, Body=file.read_bytes())


def expected(line: ArchiveLine, currency: str = "EUR") -> Row:
    """The row of a line, with its hour: numbers as decimals, times to the millisecond."""
    row = to_row(line, currency)
    for name in ("arrived_at", "order_date"):
        row[name] = row[name] and _milliseconds(row[name])
    row["amount"] = _decimal(row["amount"])
    row["items"] = row["items"] and [
        item | {name: _decimal(item[name]) for name in ("quantity", "unit_price")} for item in row["items"]
    ]
    arrived_at: datetime = row["arrived_at"]
    hours = zip(HOURS, arrived_at.strftime("%Y %m %d %H").split(), strict=True)
    return {name: row[name] for name in column_types()} | dict(hours)


def _milliseconds(text: str) -> datetime:
    moment = datetime.fromisoformat(text).replace(tzinfo=None)
    return moment - timedelta(microseconds=moment.microsecond % 1000)


def _decimal(text: str | None) -> Decimal | None:
    # A quantity has no decimals, but may have more digits than any number of SQL.
    return None if text is None or len(text) > 39 else Decimal(text)


def test_every_record_reads_as_the_rest_of_the_system_reads_it(cloud: AwsClients, tmp_path: Path) -> None:
    deployment = deploy(cloud)
    # Those chosen by hand, and generated ones that are made to break readers.
    some = [of(number, data, key=key) for number, (data, key) in enumerate(CASES)]
    some += [of(number, data) for number, (_, data) in enumerate(fuzz_records("athena", 2000), len(CASES))]
    archive(deployment, some)
    rows = {row["event_id"]: row for row in Athena(deployment, tmp_path).rows("SELECT * FROM records")}
    archived = lines(deployment)
    assert rows.keys() == archived.keys() and len(rows) == len(some)
    compared = 0
    for number, record in enumerate(some):
        line = archived[record.event_id]
        if number < len(CASES) or not (says_a_key_twice(line) or is_lost_to_sql(line)):
            assert rows[record.event_id] == expected(line), original_bytes(line)
            compared += rows[record.event_id]["amount"] is not None
    assert compared > 150


def says_a_key_twice(line: ArchiveLine) -> bool:
    """Whether it does: the last one counts, to Trino's json_parse too, but to DuckDB it is the first."""
    twice = []

    def note(pairs: list[tuple[str, Any]]) -> None:
        twice.extend([1] * (len(pairs) - len(dict(pairs))))

    document = decode(original_bytes(line)).json
    if document is not None and line.order_id is not None:
        json.loads(document, object_pairs_hook=note, parse_int=str, parse_float=str)
    return bool(twice)


def is_lost_to_sql(line: ArchiveLine) -> bool:
    """Whether it is compressed JSON of several lines: its text stands nowhere, and SQL cannot uncompress."""
    return (
        line.raw_base64 is not None and not bytes(line.raw) and decode(original_bytes(line)).json is not None
    )


def test_a_compressed_order_of_several_lines_has_no_fields_before_its_hour_is_compacted(
    cloud: AwsClients, tmp_path: Path
) -> None:
    deployment = deploy(cloud)
    archive(deployment, [of(1, gzip.compress(b'{"customer_id":"c",\n"amount":1}'))])
    (line,) = lines(deployment).values()
    (row,) = Athena(deployment, tmp_path).rows("SELECT * FROM records")
    full = expected(line)
    kept = ("event_id", "order_id", "partition_key", "arrived_at", "raw_base64", *HOURS)
    assert row == dict.fromkeys(full) | {name: full[name] for name in kept}
    compact(deployment, tmp_path, [line], HOUR)
    assert Athena(deployment, tmp_path).rows("SELECT * FROM records") == [full]


def test_an_event_counts_once_however_many_objects_have_it_compacted_or_not(
    cloud: AwsClients, tmp_path: Path
) -> None:
    deployment = deploy(cloud)
    records = [
        of(n, order(order_id=f"A-{n}", amount=n), HOUR + timedelta(minutes=20 * n)) for n in range(1, 7)
    ]
    archive(deployment, records)
    archive(deployment, records[2:4])
    archive(deployment, records[1:2])
    archived = lines(deployment)
    compact(deployment, tmp_path, [archived["shard:0001"], archived["shard:0002"]], HOUR)
    athena = Athena(deployment, tmp_path)
    assert len(athena.rows("SELECT * FROM lines")) == 9 and len(athena.rows("SELECT * FROM compacted")) == 2
    assert athena.rows("SELECT * FROM records ORDER BY event_id") == [
        expected(line) for _, line in sorted(archived.items())
    ]
    in_an_hour = "SELECT count(*) AS n FROM records WHERE year = '2026' AND month = '11' AND hour = '19'"
    assert athena.rows(in_an_hour) == [{"n": 3}]


def processed(deployment: Deployment, records: Sequence[Record], request_id: str, at: datetime) -> None:
    """Do with the records what the function does."""
    invocation = Invocation(request_id, lambda: 50.0, lambda: at)
    process_records(deployment, settings_of(deployment), records, invocation)


def test_orders_and_quarantine_say_what_the_function_decided(cloud: AwsClients, tmp_path: Path) -> None:
    """Orders came again, in conflict, or were none, and a batch was delivered again."""
    deployment = deploy(cloud)
    first = [
        of(1, order(order_id="A-1", amount=250)),
        of(2, order(amount="19.90")),
        of(3, order(order_id="A-3", amount=-1)),
        of(4, order(order_id="A-1", amount="250.00")),
        of(9, order(order_id="A-9", amount=5), HOUR + timedelta(minutes=30)),
        of(5, order(order_id="A-1", amount=999, items=[{"sku": "s", "quantity": 1, "unit_price": 999}])),
    ]
    later = HOUR + timedelta(hours=1)
    second = [
        of(6, order(order_id="A-1", amount=1), later),
        of(7, order(order_id="A-7"), later),
        of(8, b"\xff", later),
        # Of another shard, it seems: it arrived before number 9 and was processed after it.
        of(10, order(order_id="A-9", amount=6), HOUR + timedelta(minutes=10)),
    ]
    processed(deployment, first, "request-1", HOUR)
    processed(deployment, second, "request-2", later)
    # The same events in other objects: delivered again after the first of them were done.
    processed(deployment, first[2:4], "request-3", later)
    athena = Athena(deployment, tmp_path)
    # An order is the record of it that came first, and no conflict.
    items = cloud.dynamodb.scan(TableName=deployment.table)["Items"]
    in_table = {item["OrderID"]["S"]: item["EventID"]["S"] for item in items}
    assert sorted(in_table.values()) == ["shard:0001", "shard:0002", "shard:0007", "shard:0009"]
    orders = athena.rows("SELECT * FROM orders")
    assert {row["order_id"]: row["event_id"] for row in orders} == in_table and len(orders) == 4
    archived = lines(deployment)
    assert all(row == expected(archived[row["event_id"]]) for row in orders)
    assert len(athena.rows("SELECT * FROM records")) == 10
    # A quarantined record is there once, with its reasons and what it met.
    rows = athena.rows("SELECT * FROM quarantine ORDER BY event_id")
    quarantined = lines(deployment, QUARANTINE)
    assert [row["event_id"][-2:] for row in rows] == ["03", "05", "06", "08", "10"]
    for row in rows:
        line = quarantined[row["event_id"]]
        full = expected(line)
        shared = full.keys() & row.keys()
        assert {name: row[name] for name in shared} == {name: full[name] for name in shared}
        assert row["reasons"] == line.reasons and line.reasons
        assert (json.loads(row["stored"]) if row["stored"] else None) == line.stored
    refused, conflict, _, bytes_only, _ = rows
    assert (refused["request_id"], refused["attempted_at"]) == ("request-1", HOUR.replace(tzinfo=None))
    assert (refused["order_id"], refused["stored"]) == ("A-3", None)
    assert json.loads(conflict["stored"])["EventID"] == "shard:0001"
    assert (bytes_only["raw"], bytes_only["raw_base64"]) == (None, "/w==")


def of_event(line: ArchiveLine) -> Row:
    """The row of the line of an event."""
    row = to_row(line, "EUR")
    fields: Row = row[EVENT_FIELDS] | {name: row[name] for name in ("event_id", "order_id", "event")}
    fields |= {name: row[name] for name in ("raw", "raw_base64")}
    for name in ("amount", "seq"):
        fields[name] = _decimal(fields[name])
    fields["items"] = fields["items"] and [
        item | {name: _decimal(item[name]) for name in ("quantity", "unit_price")} for item in fields["items"]
    ]
    details = fields["details"] and json.loads(fields["details"], parse_int=str, parse_float=str)
    fields |= {"details": details, "occurred_at": _milliseconds(fields["occurred_at"])}
    arrived_at = fields["arrived_at"] = _milliseconds(row["arrived_at"])
    return fields | dict(zip(HOURS, arrived_at.strftime("%Y %m %d %H").split(), strict=True))


def test_events_read_as_the_rest_of_the_system_reads_them_compacted_or_not(
    cloud: AwsClients, tmp_path: Path
) -> None:
    deployment = deploy(cloud)
    items = [
        {"sku": "a", "quantity": 3, "unit_price": 1.5},
        {"sku": "b", "quantity": "2", "unit_price": "0.1"},
    ]
    dear = [{"sku": "a", "quantity": 10**20, "unit_price": 10**15}]
    at = "2026-11-22t09:30:00.123456+02:00"
    sent: list[dict[str, Any]] = [
        {"event": "paid"},
        {"event": "paid", "event_id": "p-1", "seq": 3, "occurred_at": at, "amount": 19.90, "currency": "CHF"},
        {"event": "refunded", "amount": "0.12345678901", "event_id": None, "seq": None, "reason": None},
        {"event": "captured", "amount": 1e28},
        {"event": "amended", "items": items},
        {"event": "amended", "items": items, "amount": 4.70, "note": {"a": [1.50, True, "1.5"], '"': "x,1"}},
        {"event": "amended", "items": []},
        {"event": "amended", "items": dear},
        {"event": "shipped", "carrier": "post", "parcels": 2, "weight": 1.2345678901234567890123},
    ]
    records = [of(number, json.dumps({"order_id": "A-1"} | one).encode()) for number, one in enumerate(sent)]
    records.append(of(20, gzip.compress(b'{"order_id": "A-1", "event": "packed", "box": 7}')))
    others = [of(30, order(order_id="A-1")), of(31, b'{"order_id": "A-1", "event": "lost"}')]
    processed(deployment, [*records, *others], "request-1", HOUR)
    archived = lines(deployment)

    def events() -> list[Row]:
        athena = Athena(deployment, tmp_path)
        assert athena.rows("SELECT order_id, event FROM orders") == [{"order_id": "A-1", "event": None}]
        rows = athena.rows("SELECT * FROM events ORDER BY event_id")
        return [row | {"details": row["details"] and json.loads(row["details"])} for row in rows]

    expected_rows = [of_event(archived[record.event_id]) for record in records]
    assert events() == expected_rows
    compact(deployment, tmp_path, archived.values(), HOUR)
    assert events() == expected_rows
    for entry in bucket.list_prefix(deployment, ORDERS):
        cloud.s3.delete_object(Bucket=deployment.bucket, Key=entry.key)
    assert events() == expected_rows


def test_with_one_object_an_order_the_hours_come_from_the_arrival(cloud: AwsClients, tmp_path: Path) -> None:
    deployment = deploy(cloud, ArchiveLayout="order", DefaultCurrency="CHF")
    records = [
        of(1, order(order_id="A/1 +", amount=2)),
        of(2, order(amount="3.10", currency="EUR"), HOUR + timedelta(days=40, hours=7)),
        of(3, b'{"customer_id": "c",\n "amount": 4}'),
        of(4, b"no order, so nowhere in this layout"),
    ]
    archive(deployment, records, "order")
    archived = lines(deployment)
    assert len(archived) == 3
    rows = Athena(deployment, tmp_path).rows("SELECT * FROM records ORDER BY event_id")
    assert rows == [expected(line, "CHF") for _, line in sorted(archived.items())]
    assert [(row["currency"], row["hour"]) for row in rows] == [("CHF", "18"), ("EUR", "01"), ("CHF", "18")]
