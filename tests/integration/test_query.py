"""SQL sees each record of the archive once and exactly, wherever it lies, and fetches nothing twice."""

from __future__ import annotations

import gzip
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from orderstream.archive import cache
from orderstream.archive.cache_sync import SyncResult
from orderstream.archive.sql import run_query
from orderstream.archive.views import VIEWS, columns_of
from orderstream.aws.clients import AwsClients
from orderstream.domain.fields import utc_text
from orderstream.domain.object_keys import COMPACTED, ORDERS
from orderstream.domain.validation import Violation
from orderstream.errors import CloudError, InputError
from orderstream.pipeline.quarantine import QuarantineWriter, RejectedRecord
from orderstream.pipeline.records import Record
from orderstream.pipeline.services import S3Store
from orderstream.storage import parquet
from orderstream.storage.bucket import ALL_TIME, TimeRange
from orderstream.storage.columns import EVENT_FIELDS
from tests.integration.archive_harness import compact
from tests.integration.pipeline_harness import Pipe
from tests.integration.reconciliation import event, order

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
EVENTS = "SELECT event_id FROM records ORDER BY event_id"
IDS = "SELECT order_id FROM orders ORDER BY order_id"


@pytest.fixture(autouse=True)
def cached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where this test's queries keep files."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "orderstream"


def a_pipe(cloud: AwsClients, *, layout: str = "batch") -> Pipe:
    pipe = Pipe(cloud, layout=layout)
    pipe.make_function()
    return pipe


def record(number: int, data: str | bytes, at: datetime = NOON) -> Record:
    body = data if isinstance(data, bytes) else data.encode()
    return Record(f"shardId-1:{number}", "shardId-1", str(number), "k", at, body)


def ask(pipe: Pipe, query: str, span: TimeRange = ALL_TIME, **options: Any) -> list[tuple[Any, ...]]:
    with run_query(pipe.deployment, query, span, **options) as answer:
        return [tuple(row) for row in answer.rows()[1]]


def column(pipe: Pipe, query: str, span: TimeRange = ALL_TIME) -> list[Any]:
    return [value for (value,) in ask(pipe, query, span)]


def synced(pipe: Pipe, query: str, span: TimeRange = ALL_TIME, **options: Any) -> SyncResult:
    with run_query(pipe.deployment, query, span, **options) as answer:
        return answer.synced


def files_of(cached: Path) -> list[str]:
    """The kind and hour of each file in the cache."""
    (folder,) = cached.iterdir()
    return sorted(file.name.rpartition("-")[0] for file in folder.iterdir())


# What the rows say


def test_the_columns_are_those_that_are_promised(cloud: AwsClients) -> None:
    pipe = a_pipe(cloud)
    for view in VIEWS:
        with run_query(pipe.deployment, f"SELECT * FROM {view}") as answer:
            names, rows = answer.rows()
            assert list(rows) == []
        assert names == list(columns_of(view))
        described = {row[0]: row[1] for row in ask(pipe, f"DESCRIBE {view}")}
        promised = {
            name: kind.replace("TIMESTAMPTZ", "TIMESTAMP WITH TIME ZONE")
            for name, kind in columns_of(view).items()
        }
        assert described == promised


@pytest.mark.parametrize("layout", ["batch", "order"])
def test_an_event_is_no_order_and_each_is_there_once(cloud: AwsClients, tmp_path: Path, layout: str) -> None:
    pipe = a_pipe(cloud, layout=layout)
    many = [record(number, event("full", "captured", amount=1), NOON) for number in range(10, 12)]
    sent = [
        record(1, event("A", "paid", event_id="p", amount=3, occurred_at="2026-11-22T11:00:00Z", by="card")),
        record(2, order("A", "3")),
        record(3, event("A", "paid", event_id="p", amount=3, occurred_at="2026-11-22T11:00:00Z", by="card")),
        record(4, event("A", "lost")),
        record(5, event("A", "cancelled", seq=7)),
    ]
    pipe.process([*sent, *many])
    pipe.process(sent[:3])
    # What the table has no room for is in quarantine with its name.
    rejected = RejectedRecord(
        many[1], (Violation("$", "too_many_events", "is one too many"),), "full", many[1].data
    )
    QuarantineWriter(S3Store(cloud.s3, pipe.deployment.bucket)).write(
        [rejected], {"request_id": "r", "at": utc_text(NOON)}
    )
    columns = "event_id[11:], order_id, event, producer_event_id, seq, occurred_at, amount, currency, details"
    query = f"SELECT {columns} FROM events ORDER BY event_id"
    paid = ("A", "paid", "p", None, NOON - HOUR, Decimal(3), None, '{"by":"card"}')
    expected = [
        ("1", *paid),
        ("10", "full", "captured", None, None, NOON, Decimal(1), None, None),
        ("3", *paid),
        ("5", "A", "cancelled", None, Decimal(7), NOON, None, None, None),
    ]
    assert ask(pipe, query) == expected
    records = "SELECT event, count(*), count(amount) FROM records GROUP BY ALL ORDER BY ALL"
    # The other layout archives no record that is neither an order nor an event.
    none = 2 if layout == "batch" else 1
    of_each = [("cancelled", 1, 0), ("captured", 2, 0), ("paid", 2, 0), (None, none, 1)]
    assert ask(pipe, records) == of_each
    assert column(pipe, IDS) == ["A"]
    if layout == "batch":
        compact(pipe, NOON, tmp_path)
        assert (ask(pipe, query), ask(pipe, records), column(pipe, IDS)) == (expected, of_each, ["A"])


def test_what_was_compacted_before_there_were_events_is_read_with_what_is_newer(
    cloud: AwsClients, tmp_path: Path
) -> None:
    pipe = a_pipe(cloud)
    pipe.process([record(1, order("A"))])
    key = compact(pipe, NOON, tmp_path)
    old = tmp_path / "old.parquet"
    (tmp_path / "new.parquet").write_bytes(pipe.body(key))
    with parquet.database() as sql:
        columns = f"* EXCLUDE (event, {EVENT_FIELDS})"
        sql.execute(f"COPY (SELECT {columns} FROM read_parquet('{tmp_path}/new.parquet')) TO '{old}'")
    pipe.write(key, old.read_bytes())
    pipe.process([record(2, event("A", "paid"), NOON + HOUR)])
    assert column(pipe, "SELECT event FROM records ORDER BY event_id") == [None, "paid"]
    assert (column(pipe, IDS), column(pipe, "SELECT order_id FROM events")) == (["A"], ["A"])
    # Compacted again, with what came late, it has both.
    pipe.process([record(3, event("A", "packed"))])
    compact(pipe, NOON, tmp_path)
    assert column(pipe, "SELECT event FROM events ORDER BY event_id") == ["paid", "packed"]
    assert column(pipe, IDS) == ["A"]


@pytest.mark.parametrize("layout", ["batch", "order"])
def test_an_order_is_there_once_and_a_conflict_is_none(cloud: AwsClients, layout: str) -> None:
    pipe = a_pipe(cloud, layout=layout)
    first = [record(1, order("A", "1")), record(2, order("B", "2")), record(3, "bad")]
    again = [record(4, order("A", "1.00"), NOON + HOUR), record(5, order("B", "9"), NOON + HOUR)]
    pipe.process(first)
    pipe.process([*first[1:], *again])
    pipe.process(again)
    assert ask(pipe, "SELECT order_id, event_id, amount FROM orders ORDER BY 1") == [
        ("A", "shardId-1:1", Decimal(1)),
        ("B", "shardId-1:2", Decimal(2)),
    ]
    archived = [1, 2, 3, 4, 5] if layout == "batch" else [1, 2]
    assert column(pipe, EVENTS) == [f"shardId-1:{number}" for number in archived]
    found = ask(pipe, "SELECT event_id, reasons[1].code, stored->>'EventID' FROM quarantine ORDER BY 1")
    conflict = "shardId-1:2" if layout == "batch" else None
    assert found == [("shardId-1:3", "not_json", None), ("shardId-1:5", "conflict", conflict)]
    # The first to arrive is the order, whichever was archived first.
    pipe.process([record(7, order("C"), NOON + HOUR)])
    pipe.process([record(6, order("C"))])
    of_order = "SELECT event_id FROM orders WHERE order_id = 'C'"
    in_archive = "shardId-1:6" if layout == "batch" else "shardId-1:7"
    assert column(pipe, of_order) == [in_archive]
    assert column(pipe, of_order, TimeRange(since=NOON + HOUR)) == ["shardId-1:7"]


def test_a_number_is_exact_or_it_is_null_and_that_is_told(cloud: AwsClients) -> None:
    pipe = a_pipe(cloud)

    def told(query: str) -> tuple[list[tuple[Any, ...]], int]:
        with run_query(pipe.deployment, query) as answer:
            return [tuple(row) for row in answer.rows()[1]], answer.unrepresentable

    pipe.process([record(number, order(f"A-{number}", "0.1")) for number in range(10)])
    assert told("SELECT sum(amount) FROM orders") == ([(Decimal(1),)], 0)
    # What fits is what tests/unit/storage/test_parquet.py says.
    large = order("large", "1e125")
    pipe.process([record(11, large)])
    assert told("SELECT amount, raw FROM orders WHERE order_id = 'large'") == ([(None, large)], 1)
    item = '{"sku": "s", "quantity": 1000000000000, "unit_price": 0.000000000001}'
    pipe.process([record(12, f'{{"order_id": "P", "customer_id": "c", "amount": 1, "items": [{item}]}}')])
    found = [{"sku": "s", "quantity": Decimal(10**12), "unit_price": None}]
    assert told("SELECT items FROM orders WHERE order_id = 'P'") == ([(found,)], 2)
    pipe.process([record(13, event("P", "captured", amount=10**60)), record(14, event("P", "paid"))])
    assert told("SELECT event, amount FROM events ORDER BY ALL") == ([("captured", None), ("paid", None)], 3)


def test_every_kind_of_bytes_is_there_as_it_was_sent(cloud: AwsClients) -> None:
    pipe = a_pipe(cloud)
    text = '{"order_id": "Z", "customer_id": "Žofie 🛒", "amount": 3, "note": "\\u0000\\ud83d\\ude00"}'
    sent: list[str | bytes] = [text, gzip.compress(text.encode(), mtime=0), b"\xff\xfe", "a\0b", ""]
    pipe.process([record(number, data) for number, data in enumerate(sent)])
    query = "SELECT customer_id, raw, from_base64(raw_base64) FROM {} ORDER BY event_id"
    zipped = sent[1]
    rest = [(None, None, b"\xff\xfe"), (None, "a\0b", None), (None, "", None)]
    assert ask(pipe, query.format("records")) == [
        ("Žofie 🛒", text, None),
        ("Žofie 🛒", text, zipped),
        *rest,
    ]
    quarantined = ask(pipe, query.format("quarantine").replace("customer_id", "order_id"))
    assert quarantined == rest


# What is fetched


def hours(cloud: AwsClients, count: int = 5) -> Pipe:
    """A pipe with one order an hour, at half past, from noon on."""
    pipe = a_pipe(cloud)
    for hour in range(count):
        pipe.process([record(hour, order(f"A-{hour}"), NOON + hour * HOUR + HOUR / 2)])
    return pipe


def test_of_a_span_only_its_hours_are_fetched_and_only_its_moments_seen(
    cloud: AwsClients, cached: Path
) -> None:
    pipe = hours(cloud)
    span = TimeRange(NOON + HOUR, NOON + 3 * HOUR)
    assert column(pipe, IDS, span) == ["A-1", "A-2"]
    assert files_of(cached) == ["orders-2026112213", "orders-2026112214"]
    half = TimeRange(NOON + 1.5 * HOUR, NOON + 2.5 * HOUR)
    query = "SELECT order_id, day, hour FROM orders"
    assert ask(pipe, query, half) == [("A-1", "22", "13")], "its beginning is in a span, and its end is not"
    assert synced(pipe, IDS, half).fetched == 0
    assert synced(pipe, IDS, TimeRange(since=NOON + 4 * HOUR)).fetched == 1
    assert column(pipe, IDS, TimeRange(until=datetime.min.replace(tzinfo=UTC))) == []
    assert len(files_of(cached)) == 3, "a look at other hours leaves these as they are"


def test_what_was_fetched_once_is_not_fetched_again(cloud: AwsClients, cached: Path) -> None:
    pipe = hours(cloud)
    first, second = synced(pipe, IDS), synced(pipe, IDS)
    assert (first.fetched, first.cached, second.fetched, second.cached) == (5, 0, 0, 5)
    assert first.fetched_bytes == second.cached_bytes == sum(len(pipe.body(key)) for key in pipe.keys(ORDERS))
    # One that is written later is fetched, with its hour alone.
    pipe.process([record(10, order("B"), NOON)])
    third = synced(pipe, IDS)
    assert (third.fetched, third.cached) == (2, 4)
    assert len(files_of(cached)) == 5, "the file that it was before is gone"
    assert len(column(pipe, IDS)) == 6


def test_only_the_views_that_are_asked_for_are_fetched(cloud: AwsClients) -> None:
    pipe = hours(cloud, 1)
    pipe.process([record(9, "bad")])
    assert synced(pipe, "SELECT 1").fetched == 0
    assert synced(pipe, "DESCRIBE orders").fetched == 0
    assert synced(pipe, "FROM quarantine").fetched == 1
    assert synced(pipe, "FROM Records").fetched == 2
    assert synced(pipe, "FROM orders").fetched == 0
    assert synced(pipe, "FROM events", refresh=True).fetched == 3


def test_what_the_bucket_no_longer_has_is_gone_from_the_cache_too(cloud: AwsClients, cached: Path) -> None:
    pipe = hours(cloud)
    ask(pipe, IDS)
    gone, _, there = (pipe.keys(ORDERS)[number] for number in (0, 1, 4))
    for key in (gone, there):
        cloud.s3.delete_object(Bucket=pipe.deployment.bucket, Key=key)
    assert column(pipe, IDS, TimeRange(NOON, NOON + 2 * HOUR)) == ["A-1"]
    assert files_of(cached) == [f"orders-20261122{hour}" for hour in (13, 14, 15, 16)]
    assert synced(pipe, IDS).fetched == 0
    assert files_of(cached) == [f"orders-20261122{hour}" for hour in (13, 14, 15)]


def test_forgetting_leaves_nothing_of_the_bucket_and_no_other_bucket_is_touched(
    cloud: AwsClients, cached: Path
) -> None:
    pipe = hours(cloud, 1)
    ask(pipe, IDS)
    (cached / "other").mkdir()
    assert cache.clear(pipe.deployment)
    assert [folder.name for folder in cached.iterdir()] == ["other"]
    assert not cache.clear(pipe.deployment)
    assert synced(pipe, IDS).fetched == 1
    assert synced(pipe, IDS, refresh=True).fetched == 1


def test_a_query_that_is_under_way_brings_nothing_back_that_is_forgotten(
    cloud: AwsClients, cached: Path
) -> None:
    pipe = hours(cloud)

    def forget(what: str, done: int | None = None, of: int | None = None, /) -> None:
        if done == 1:
            cache.clear(pipe.deployment)

    with pytest.raises(CloudError):
        ask(pipe, IDS, progress=forget)
    assert list(cached.iterdir()) == []


def test_two_queries_at_once_do_not_disturb_each_other(cloud: AwsClients, cached: Path) -> None:
    pipe = hours(cloud, 1)
    with run_query(pipe.deployment, IDS) as early:
        pipe.process([record(10, order("B"), NOON)])
        assert column(pipe, IDS) == ["A-0", "B"]
        assert [id for (id,) in early.rows()[1]] == ["A-0"]
    assert len(files_of(cached)) == 2, "the first has not seen that its file is stale"
    assert synced(pipe, IDS).fetched == 0
    assert len(files_of(cached)) == 1


def test_the_cache_is_its_owners_alone_and_what_a_killed_query_left_there_is_removed(
    cloud: AwsClients, cached: Path
) -> None:
    pipe = hours(cloud, 1)
    ask(pipe, IDS)
    (folder,) = cached.iterdir()
    assert folder.stat().st_mode & 0o777 == folder.parent.stat().st_mode & 0o777 == 0o700
    assert {file.stat().st_mode & 0o777 for file in folder.iterdir()} == {0o600}
    (folder / "run-killed").mkdir()
    (folder / "run-killed" / "0.ndjson").write_text("half")
    ask(pipe, IDS)
    assert files_of(cached) == ["orders-2026112212"]


def test_a_cache_that_cannot_be_written_is_one_line_and_a_hint(cloud: AwsClients, cached: Path) -> None:
    pipe = hours(cloud, 1)
    cached.parent.mkdir()
    cached.write_text("a file in its place")
    with pytest.raises(CloudError) as raised:
        ask(pipe, IDS)
    assert "XDG_CACHE_HOME" in raised.value.hint


# Orders with an object each


def test_objects_of_one_order_are_kept_by_the_hour_in_which_they_were_written(
    cloud: AwsClients, cached: Path
) -> None:
    pipe = a_pipe(cloud, layout="order")
    at = [NOON, NOON + HOUR, NOON + 2 * HOUR]
    pipe.process([record(number, order(f"A-{number}"), moment) for number, moment in enumerate(at)])
    now = datetime.now(UTC)
    assert column(pipe, IDS) == ["A-0", "A-1", "A-2"]
    assert column(pipe, IDS, TimeRange(NOON + HOUR, NOON + 2 * HOUR)) == ["A-1"]
    assert synced(pipe, IDS).fetched == 0
    # A span that begins after they were written needs none of them.
    assert synced(pipe, IDS, TimeRange(since=now + HOUR)).cached == 0
    assert {name.partition("-")[0] for name in files_of(cached)} == {"single"}


def test_a_record_that_lies_in_both_layouts_is_there_once(cloud: AwsClients) -> None:
    pipe = a_pipe(cloud)
    records = [record(1, order("A")), record(2, order("B"))]
    pipe.process(records)
    pipe.settings = msgspec.structs.replace(pipe.settings, layout="order")
    pipe.process([*records, record(3, order("C"))])
    assert len(pipe.keys(ORDERS)) == 4
    assert column(pipe, EVENTS) == ["shardId-1:1", "shardId-1:2", "shardId-1:3"]
    assert column(pipe, IDS) == ["A", "B", "C"]


# Compaction


def several(cloud: AwsClients, count: int = 20) -> Pipe:
    """A pipe with that many objects in one hour, two records in each, one of them of the object before."""
    pipe = a_pipe(cloud)
    records = [record(number, order(f"A-{number:02d}", f"{number}.50")) for number in range(count + 1)]
    for number in range(count):
        pipe.process(records[number : number + 2])
    return pipe


EVERYTHING = "SELECT * FROM records ORDER BY event_id"


def test_compaction_changes_no_answer_before_during_or_after(
    cloud: AwsClients, tmp_path: Path, cached: Path
) -> None:
    pipe = several(cloud)
    before = ask(pipe, EVERYTHING)
    assert len(before) == 21
    compact(pipe, NOON, tmp_path, keep=True)
    assert ask(pipe, EVERYTHING) == before
    for key in pipe.keys(ORDERS)[:7]:
        cloud.s3.delete_object(Bucket=pipe.deployment.bucket, Key=key)
    assert ask(pipe, EVERYTHING) == before
    compact(pipe, NOON, tmp_path)
    assert pipe.keys(ORDERS) == [] and len(pipe.keys(COMPACTED)) == 1
    after = synced(pipe, EVERYTHING)
    assert (after.fetched, after.cached) == (1, 0)
    assert ask(pipe, EVERYTHING) == before
    assert files_of(cached) == ["compacted-2026112212"]
    # What comes late lies beside it.
    pipe.process([record(99, order("late"))])
    assert synced(pipe, EVERYTHING).fetched == 1
    assert len(ask(pipe, EVERYTHING)) == 22


def test_objects_that_are_compacted_while_they_are_read_are_not_missed(
    cloud: AwsClients, tmp_path: Path
) -> None:
    pipe = several(cloud)

    def meanwhile(what: str, done: int | None = None, of: int | None = None, /) -> None:
        if done == 1:
            compact(pipe, NOON, tmp_path)

    found = ask(pipe, EVERYTHING, progress=meanwhile)
    assert len(found) == 21
    assert ask(pipe, EVERYTHING) == found


def test_a_compacted_object_that_is_compacted_again_while_it_is_read_is_not_missed(
    cloud: AwsClients, tmp_path: Path
) -> None:
    pipe = hours(cloud, 12)
    for hour in range(12):
        compact(pipe, NOON + hour * HOUR, tmp_path)

    def meanwhile(what: str, done: int | None = None, of: int | None = None, /) -> None:
        if done == 1:
            compact(pipe, NOON + 11 * HOUR, tmp_path)

    assert len(ask(pipe, EVERYTHING, progress=meanwhile)) == 12


def test_what_was_compacted_when_an_order_had_other_fields_has_the_fields_of_today(
    cloud: AwsClients, tmp_path: Path
) -> None:
    pipe = several(cloud)
    before = ask(pipe, EVERYTHING)
    key = compact(pipe, NOON, tmp_path)
    old, file = tmp_path / "old.parquet", tmp_path / "new.parquet"
    file.write_bytes(pipe.body(key))
    with parquet.database() as sql:
        sql.execute(
            f"COPY (SELECT * EXCLUDE (currency, items), 'x' AS colour FROM '{file}')"
            f" TO '{old}' (FORMAT parquet)"
        )
    pipe.write(key, old.read_bytes())
    assert ask(pipe, EVERYTHING) == before


def test_an_event_with_two_contents_is_there_once_and_compaction_does_not_change_which(
    cloud: AwsClients, tmp_path: Path
) -> None:
    pipe = a_pipe(cloud)
    pipe.process([record(1, order("A", "1"))])
    (key,) = pipe.keys(ORDERS)
    pipe.process([record(1, order("A", "2")), record(2, order("B"))])
    pipe.write(key.replace("shardId-1-1", "shardId-1-0"), pipe.body(key))
    before = ask(pipe, EVERYTHING)
    assert len(before) == 2
    compact(pipe, NOON, tmp_path, keep=True)
    assert ask(pipe, EVERYTHING) == before
    compact(pipe, NOON, tmp_path)
    assert ask(pipe, EVERYTHING) == before


# Damage


def test_a_damaged_object_is_named_each_time_and_the_others_are_there(
    cloud: AwsClients, tmp_path: Path
) -> None:
    pipe = hours(cloud)
    compacted, damaged = compact(pipe, NOON, tmp_path), pipe.keys(ORDERS)[1]
    for key in (compacted, damaged):
        body = pipe.body(key)
        for wrong in (body[:-9], b"no such file", b"PAR1" + bytes(len(body) - 8) + b"PAR1"):
            pipe.write(key, wrong)
            for _ in range(2):
                with run_query(pipe.deployment, IDS) as answer:
                    assert len(list(answer.rows()[1])) >= 4
                (told,) = answer.synced.damaged
                assert key in told and "\n" not in told
        pipe.write(key, body)
        assert synced(pipe, IDS).damaged == []
        assert len(column(pipe, IDS)) == 5


def test_a_file_of_the_cache_that_is_not_whole_is_made_anew(cloud: AwsClients, cached: Path) -> None:
    pipe = hours(cloud, 1)
    ask(pipe, IDS)
    (file,) = cached.glob("*/*.parquet")
    whole = file.read_bytes()
    for left in (0, 3, 100):
        file.write_bytes(whole[:left])
        assert synced(pipe, IDS).fetched == 1
        assert column(pipe, IDS) == ["A-0"]
    # Nobody looks inside before a query does: so it says how to make it anew.
    for wrong in (b"\xff", b"\0"):
        file.write_bytes(b"PAR1" + wrong * (len(whole) - 8) + b"PAR1")
        with pytest.raises(CloudError) as raised:
            ask(pipe, IDS)
        assert "--refresh" in raised.value.hint
    assert len(ask(pipe, IDS, refresh=True)) == 1


# What is not allowed


FORBIDDEN = [
    "SELECT * FROM read_text('/etc/passwd')",
    "SELECT * FROM '/etc/passwd'",
    "SELECT * FROM read_csv('/etc/passwd')",
    "SELECT * FROM glob('/*')",
    "SELECT * FROM read_parquet('s3://bucket/key')",
    "SELECT * FROM query('COPY (SELECT 1) TO ''{target}''')",
    "COPY (SELECT 1) TO '{target}'",
    "COPY orders TO '{cached}' (USE_TMP_FILE false)",
    "EXPLAIN ANALYZE COPY (SELECT 1) TO '{target}'",
    "EXPORT DATABASE '{target}'",
    "ATTACH '{target}' AS other",
    "INSTALL httpfs",
    "LOAD httpfs",
    "SET enable_external_access = true",
    "SET lock_configuration = false",
    "CREATE TABLE mine AS SELECT 1",
    "DROP VIEW orders",
    "SELECT 1; SELECT 2",
    "SELECT 1; DROP VIEW orders",
    "SELECT * FROM enable_logging(storage = 'file', storage_path = '{target}')",
]


def test_a_query_reads_the_views_and_nothing_else_and_writes_nothing(
    cloud: AwsClients, tmp_path: Path, cached: Path
) -> None:
    pipe = hours(cloud, 1)
    target = tmp_path / "target"
    with run_query(pipe.deployment, IDS) as answer:
        (file,) = cached.glob("*/*.parquet")
        before = file.read_bytes()
        for query in FORBIDDEN:
            text = query.format(target=target, cached=file)
            with pytest.raises((InputError, CloudError)) as raised:
                ask(pipe, text)
            assert "\n" not in raised.value.message and raised.value.hint, query
            if "target" in query or "passwd" in query:
                # The database with the files would not do it either.
                with pytest.raises((InputError, CloudError)):
                    list(replace(answer, _query=text).rows()[1])
            assert not target.exists(), query
            assert file.read_bytes() == before, query


def test_a_mistake_is_told_before_anything_is_fetched(cloud: AwsClients, cached: Path) -> None:
    pipe = hours(cloud, 1)
    mistakes = {
        "SELCT 1": "syntax error at or near \"SELCT\" (line 1, at 'SELCT 1')",
        "SELECT nope\nFROM orders": '"nope" not found',
        "SELECT 1\nFROM oders": 'Did you mean "orders"?',
        "SELECT sum(raw) FROM orders": "No function matches",
        "SELECT * FROM orders WHERE order_id = ?": "parameters",
        "-- nothing": "no SQL",
    }
    for query, message in mistakes.items():
        with pytest.raises(InputError) as raised:
            ask(pipe, query)
        assert message in raised.value.message and "\n" not in raised.value.message
        assert raised.value.hint
    assert not cached.exists()
    with pytest.raises(InputError, match="(?i)convert") as raised:
        ask(pipe, "SELECT raw::INTEGER FROM orders")
    assert "customer_id" in raised.value.hint
