"""Ids and times are whole and on one line in every table, however narrow the terminal, also in a pipe."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from typing import Any

import pytest
from rich.table import Column

from orderstream.archive.audit import Audit
from orderstream.archive.cache_sync import SyncResult
from orderstream.archive.compact import CompactionResult
from orderstream.archive.evidence import Finding
from orderstream.archive.maintenance import MaintenanceResult
from orderstream.archive.plan import ReplayPlan
from orderstream.archive.receipt import ErasureReceipt
from orderstream.archive.replay import Selection
from orderstream.archive.sql import QueryResult
from orderstream.aws.location import Location
from orderstream.aws.stack import StackDescription
from orderstream.deploy.changes import ChangeSet, ResourceChange
from orderstream.deploy.deploy import DeploymentPlan, DeploymentResult
from orderstream.deploy.inventory import Inventory
from orderstream.deploy.stack_state import Resource
from orderstream.domain.object_keys import ORDERS, hour_prefix
from orderstream.lookup.order_history import HistoryEvent, OrderHistory
from orderstream.lookup.trace import OrderTrace, TraceEvent
from orderstream.monitoring.figures import Rates
from orderstream.monitoring.health import COUNTS, AlarmState, ConsumerState, DeadLetterBacklog, Status
from orderstream.monitoring.shards import ShardLoad, ShardLoads
from orderstream.output import (
    archive,
    console,
    dead_letters,
    deploy,
    destroy,
    history,
    orders,
    quarantine,
    reconciliation,
    sql,
    status,
)
from orderstream.output.terminal import SafeTable
from orderstream.pipeline.archive_codec import ArchiveLine
from orderstream.recovery.dead_letters import FailedBatch
from orderstream.recovery.quarantine import QuarantinedRecord, Resubmission
from orderstream.recovery.reconciliation_store import Discrepancy
from orderstream.recovery.redrive import RedriveResult
from orderstream.recovery.resubmissions import ResubmissionNote
from orderstream.recovery.verify import Counts, ReconciliationReport
from orderstream.storage import parquet
from orderstream.storage.bucket import ALL_TIME, TimeRange
from orderstream.storage.order_events import WaitingOrder

ID = "an order " + "i" * 119
EVENT = "shardId-000000000000:" + "4" * 56 + ":12"
HOUR = hour_prefix("", datetime(2026, 11, 22, 18, tzinfo=UTC))
KEY = f"{ORDERS}{HOUR}shardId-000000000000-{'4' * 56}-{'5' * 56}-ab.ndjson.gz"
AT = "2026-11-22 18:00:00.250"
MOMENT = datetime(2026, 11, 22, 18, tzinfo=UTC)
TEXT = "some words that say what is wrong with it"
CUSTOMER = "a customer of " + "c" * 100
ARN = "arn:aws:sqs:eu-central-1:123456789012:" + "q" * 60

LINE = ArchiveLine(
    EVENT,
    CUSTOMER,
    "2026-11-22T18:00:00.250000Z",
    ID,
    reasons=[{"path": "$.amount", "message": TEXT, "code": "not_positive"}],
    attempt={"request_id": "r" * 36, "at": "2026-11-22T18:00:01.000000Z"},
    stored={"OrderAmount": "19.9", "ArchiveKey": KEY},
    raw_text="bad",
)
ENTRY = QuarantinedRecord(
    LINE, KEY, 7, (ResubmissionNote(EVENT, ID, "2026-11-22T19:00:00.000000Z", EVENT + "9"),)
)
ITEM = {
    "OrderID": ID,
    "CustomerID": CUSTOMER,
    "OrderAmount": Decimal("19.9"),
    "OrderDate": "2026-11-22T18:00:00.000000Z",
    "Currency": "EUR",
    "ArchiveKey": KEY,
    "Items": [{"sku": "s" * 80, "quantity": 2, "unit_price": Decimal("9.95")}],
    "Status": "placed",
}
PAID = HistoryEvent(
    event="paid",
    occurred_at="2026-11-22T19:00:00.000000Z",
    received_at="2026-11-22T19:00:00.000000Z",
    effect="forbidden",
    reason=TEXT,
    event_id=EVENT,
    producer_event_id="p" * 128,
    seq=None,
    amount=Decimal("19.9"),
    currency=None,
    items=None,
    details=None,
    status="placed",
    total=Decimal("19.9"),
    captured=Decimal(0),
    refunded=Decimal(0),
)
STATE = {"Status": "placed", "Balance": Decimal(0), "MissingSeq": 3}
HISTORY = OrderHistory(ID, "2026-11-22T18:00:00.250000Z", Decimal("19.9"), "EUR", STATE, [PAID])
WAITS = WaitingOrder(ID, "order", "2026-11-22T17:00:00.000000Z", None, [{"Event": "paid"}])
QUEUE = Resource("Q", "AWS::SQS::Queue", ARN, "")
CHANGE = ResourceChange("Add", "L" * 60, "AWS::S3::Bucket", "", "")
STEP = TraceEvent("2026-11-22T18:00:00.250000Z", "archived", EVENT, KEY, TEXT)
NOTHING_TO_DO = DeploymentPlan("s", (), None, (), {}, "")
LOCATION = Location("eu-central-1", "123456789012")
STATUS = Status(
    stack="orderstream",
    at=MOMENT,
    records=Rates(1, 1),
    bytes=Rates(1, 1),
    stored=Rates(1, 1),
    revenue={"EUR": Rates(1019.9, 1), "JPY": Rates(1500, 1), "BHD": Rates(1.5, 1)},
    counts={name: Rates(0, 0) for name in ("received", *COUNTS)},
    latency=None,
    iterator_age=0,
    until_data_loss=100,
    backlog=0,
    events_waiting=90,
    sequence_gap=None,
    retention=100,
    consumer=ConsumerState("Enabled", "", "", True, False),
    shards=ShardLoads(1, "PROVISIONED", (ShardLoad("shardId-000000000123", 1, 1, 1, 1),), None),
    dead_letters=DeadLetterBacklog(0, None, False),
    alarms=(
        AlarmState("latency-burn-fast-" + "x" * 30, "alarm", MOMENT, TEXT, "https://x.example/" + "y" * 60),
    ),
    in_alarm=True,
)


def _answer() -> None:
    query = (
        f"SELECT '{ID}' AS order_id, TIMESTAMPTZ '2026-11-22 18:00:00.25+00' AS at, '{'j' * 3000}' AS raw,"
    )
    with parquet.database() as database:
        sql.print_result(QueryResult(SyncResult(), 0, database, f"{query} '{KEY}' AS key"), "table", None)


def _counts() -> Counts:
    return Counts(**{one.name: 1 for one in dataclasses.fields(Counts)})


RESUBMITTED = Resubmission(EVENT, ID, True)
RECEIPT = ErasureReceipt("id", AT, "", locked=1, locked_until=AT)
FAILED = FailedBatch(KEY, MOMENT, "c", None, 1, "shardId-1", "4", "5", 3)
REDRIVEN = RedriveResult(KEY, 1, {"stored": 1}, True, [])
REPORT = ReconciliationReport(_counts(), (Discrepancy("missing", ID, f"{TEXT} in {KEY}"),), ALL_TIME, 1, AT)
CHANGES = DeploymentPlan("s", (), ChangeSet("i", "s", True, (CHANGE,)), (), {}, "")
DEPLOYED = DeploymentResult(StackDescription("i", "s", {}, {"Q": ARN}))
INVENTORY = Inventory("s", StackDescription("i", "s"), (QUEUE,), (), (), None, (), None)
COMPACTED = MaintenanceResult(compacted=[CompactionResult(HOUR, 1, 1, 1, KEY, 10**9)])

REPLAY = ReplayPlan(1, 1, 1, 1, Decimal("0.1")), Selection(TimeRange(MOMENT, None), CUSTOMER, ID), LOCATION

# What prints a table, and what has to be whole in it.
PRINTED: dict[str, tuple[Callable[..., Any], list[str]]] = {
    "replay --dry-run": (
        partial(archive.print_replay_plan, *REPLAY, to="table"),
        [ID, CUSTOMER, "2026-11-22T18:00:00.000000Z to now"],
    ),
    "archive compact --dry-run": (
        partial(archive.print_waiting, [(HOUR, 10**9, 10**9)]),
        [HOUR, "1,000,000,000"],
    ),
    "archive compact": (partial(archive.print_maintenance, COMPACTED, LOCATION), [HOUR]),
    "archive audit": (
        partial(archive.print_audit, Audit(findings=[Finding("tampered", KEY, TEXT)]), ALL_TIME),
        [KEY],
    ),
    "archive erase": (partial(archive.print_erasure_plan, RECEIPT, LOCATION), [AT]),
    "quarantine list": (partial(quarantine.print_quarantine, [ENTRY]), [ID, EVENT, AT]),
    "quarantine show": (
        partial(quarantine.print_quarantined_record, ENTRY),
        [ID, EVENT, EVENT + "9", KEY, CUSTOMER, "2026-11-22T18:00:00.250000Z", "r" * 36],
    ),
    "quarantine resubmit": (
        partial(quarantine.print_resubmissions, [RESUBMITTED], dry_run=False),
        [ID, EVENT],
    ),
    "dead-letters list": (partial(dead_letters.print_failures, [FAILED]), [KEY, "2026-11-22 18:00:00"]),
    "dead-letters redrive": (partial(dead_letters.print_redrive, [REDRIVEN], dry_run=False), [KEY]),
    "verify": (partial(reconciliation.print_reconciliation, REPORT, None, None), [ID, KEY, AT]),
    "trace": (partial(orders.print_trace, OrderTrace(ID, ITEM, (STEP,))), [ID, EVENT, KEY, AT]),
    "deploy, changes": (
        lambda as_json: deploy.print_plan(CHANGES),
        ["L" * 60, "AWS::S3::Bucket"],
    ),
    "deploy, outputs": (
        partial(deploy.print_deployment, NOTHING_TO_DO, DEPLOYED, LOCATION, where="", dry_run=False),
        [ARN],
    ),
    "destroy": (partial(destroy.print_inventory, INVENTORY, LOCATION, delete_data=False), [ARN]),
    "get": (
        partial(orders.print_order, ITEM),
        [ID, CUSTOMER, KEY, "2026-11-22T18:00:00.000000Z", "19.90", '"unit_price":9.95'],
    ),
    "list": (partial(orders.print_orders, [ITEM]), [ID, "2026-11-22T18:00:00.000000Z", "19.90", "EUR"]),
    "history": (partial(history.print_history, HISTORY), [ID, AT, "19.90", "2026-11-22 19:00:00", TEXT[:10]]),
    "waiting": (partial(history.print_waiting, [WAITS], MOMENT), [ID, "2026-11-22 17:00:00", "1 h"]),
    "query": (lambda as_json: _answer(), [ID, KEY, "2026-11-22T18:00:00.250000Z"]),
    "status": (
        partial(status.print_status, STATUS),
        ["shardId-000000000123", "2026-11-22 18:00:00", "x" * 30, "1,019.90", "1,500 ", "1.500"],
    ),
}


@pytest.fixture(params=[40, 80, 300])
def width(request: pytest.FixtureRequest) -> Iterator[int]:
    """A terminal so wide; 80 is also what a pipe counts as."""
    before = console.out.width, console.err.width
    console.out.width = console.err.width = request.param
    yield request.param
    console.out.width, console.err.width = before


@pytest.mark.parametrize("name", PRINTED)
def test_ids_and_times_are_whole_and_on_one_line(
    name: str, width: int, capsys: pytest.CaptureFixture[str]
) -> None:
    show, whole = PRINTED[name]
    show(as_json=False)
    printed = capsys.readouterr()
    said = printed.out + printed.err
    for one in whole:
        assert one in said, f"{one} in\n{said}"
    assert "…" not in said


def test_a_table_that_fits_has_its_frame_and_wraps_between_words(
    width: int, capsys: pytest.CaptureFixture[str]
) -> None:
    table = SafeTable(Column("id", no_wrap=True), "detail", Column("count", justify="right"))
    table.add_row("A 1", TEXT, "7")
    console.out.print(table)
    first, *_, last = lines = capsys.readouterr().out.splitlines()
    assert (first[0], last[-1]) == ("┏", "┘") and len(first) <= width
    assert set(TEXT.split()) <= set(" ".join(lines).split())


def test_a_wide_table_has_no_padding_that_a_terminal_would_wrap(capsys: pytest.CaptureFixture[str]) -> None:
    found = [Finding("tampered", KEY, "no"), Finding("tampered", "k", "x")]
    archive.print_audit(Audit(findings=found), ALL_TIME, as_json=False)
    for line in capsys.readouterr().out.splitlines():
        assert line == line.rstrip()
