"""What each command prints as JSON: its keys and their types, from the types in the code."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import NamedTuple, get_type_hints

import jsonschema
import msgspec

from orderstream.acceptance.check import CheckOutcome
from orderstream.archive.audit import Audit
from orderstream.archive.maintenance import MaintenanceResult
from orderstream.archive.model_comparison import ModelComparison
from orderstream.archive.plan import ReplayPlan
from orderstream.archive.receipt import ErasureReceipt, StampedReceipt
from orderstream.archive.replay import ReplayResult
from orderstream.aws.function_versions import Version
from orderstream.capacity.plan import CapacityPlan
from orderstream.capacity.traffic import SimulationResult
from orderstream.client import RecordMetadata
from orderstream.deploy.adoption import AdoptionResult
from orderstream.deploy.inventory import BucketInventory, PendingWork
from orderstream.deploy.table_inventory import TableInventory
from orderstream.doctor.checklist import Diagnosis
from orderstream.lookup.log_tail import LogEvent
from orderstream.lookup.order_history import HistoryEvent, OrderHistory
from orderstream.lookup.trace import TraceEvent
from orderstream.migration.adopt import MigrationReport
from orderstream.migration.store import SuspectedDuplicate
from orderstream.monitoring.health import Status
from orderstream.project.schema import DescribedField, SchemaChange
from orderstream.recovery.change_replay import ReplayedChanges
from orderstream.recovery.quarantine import Resubmission
from orderstream.recovery.reconciliation_store import Discrepancy
from orderstream.recovery.redrive import RedriveResult
from orderstream.recovery.reprocess import ReprocessResult
from orderstream.recovery.resubmissions import ResubmissionNote
from orderstream.recovery.verify import Counts
from orderstream.storage.bucket import TimeRange
from orderstream.webhooks.admin import EndpointAnswer, NewSecret, WebhookStatus
from reference.command_lines import path_of
from reference.json_schemas import (
    ANYTHING,
    OPEN,
    Schema,
    array,
    by_name,
    combined,
    item,
    keys_of,
    nullable,
    optional,
    schema_of,
    without,
)
from reference.markdown import code, table

# Options that change what a command prints.
_SWITCHES = ("--dry-run", "--rollback", "--watch", "--check", "--rebuild")
# Its columns are those of the query.
FREE = frozenset({"archive query", "model schema"})


class Document(NamedTuple):
    """What a command prints: one object, or one per line."""

    schema: Schema
    is_list: bool = False


@cache
def documents() -> Mapping[str, Document]:
    """What is printed by each command, in the order of the reference; some print otherwise with an option."""
    text, number = str, int
    place = combined(account=str | None, alias=str | None, region=text, cloud=text)
    raw = {"raw": text, "raw_base64": text}
    reason = combined(code=text, path=text, message=text)
    quarantined = combined(
        event_id=text,
        arrived_at=text,
        order_id=str | None,
        partition_key=str | None,
        reasons=array(reason),
        attempt=by_name(text),
        stored=nullable(OPEN),
        object=text,
        line=number,
        resubmitted=array(ResubmissionNote),
    )
    changed = combined(action=text, resource=text, type=text, replacement=str | None, physical_id=str | None)
    deployed = combined(
        stack=text,
        status=text,
        artifacts=array(combined(name=text, sha256=text, bytes=number, files=number, bytecode=bool)),
        changes=array(changed),
        doubts=array(text),
        watch=str | None,
        outputs=by_name(text),
        settings=nullable(AdoptionResult),
        place=place,
    )
    inventory = combined(
        stack=text,
        status=str | None,
        resources=array(combined(resource=text, type=text, physical_id=text)),
        tables=array(TableInventory),
        buckets=array(BucketInventory),
        code=nullable(BucketInventory),
        logs=array(text),
        secrets=array(text),
        pending=nullable(PendingWork),
        dollars_a_month=float,
    )
    destroyed = combined(
        inventory,
        versions_removed=number,
        locked=number,
        locked_until=str | None,
        left=array(text),
        after=nullable(inventory),
        place=place,
    )
    planned = combined(CapacityPlan, prices=text, deploy=array(text), simulation=nullable(SimulationResult))
    maintained = combined(MaintenanceResult, head=str | None, place=place)
    numbers = ("stored", "duplicates", "conflicts", "invalid", "lost", "sent", "archived")
    demo = combined(
        **dict.fromkeys((*numbers, "orders_per_second", "latency_p50_ms", "latency_p99_ms"), int),
        customers=int | None,
        customers_that_agree=int | None,
        agrees=bool,
        order=item(),
        raw=text,
    )
    batch = combined(
        place=text,
        at=text,
        condition=text,
        error=str | None,
        invocations=number,
        shard_id=text,
        records=number,
        done=bool,
        first_sequence_number=text,
        last_sequence_number=text,
    )
    verified = combined(
        TimeRange,
        objects=number,
        waiting_since=str | None,
        counts=Counts,
        discrepancies=array(Discrepancy),
        repaired=ReprocessResult,
        place=place,
    )
    check = combined(name=text, shows=text, outcome=CheckOutcome, seconds=float, evidence=OPEN, reason=text)
    accepted = combined(
        version=text,
        stack=text,
        account=str | None,
        region=text,
        cloud=text,
        began=text,
        ended=text,
        passed=bool,
        checks=array(optional(check, "evidence", "reason")),
    )
    adopted = combined(
        without(MigrationReport, "differences", "duplicates"),
        differences=array(combined(order_id=text, detail=text)),
        duplicates=array(combined(**get_type_hints(SuspectedDuplicate))),
        place=place,
    )
    policy = combined(Version=text, Statement=array(OPEN))
    past = combined(**get_type_hints(HistoryEvent) | {"items": ANYTHING})
    history = combined(**get_type_hints(OrderHistory) | {"state": nullable(OPEN), "events": array(past)})
    waiting = combined(
        order_id=text,
        pending=text,
        missing_seq=int | None,
        since=text,
        age_seconds=number,
        events=array(text),
    )
    cloud_event = ("specversion", "id", "source", "type", "subject", "time", "datacontenttype")
    change = combined(**dict.fromkeys(cloud_event, text), data=OPEN)
    sums = {"orders": number, **dict.fromkeys(("total", "captured", "refunded", "net"), float)}
    total = combined(
        **dict.fromkeys(("hour", "minute", "customer_id"), str | None),
        currency=text,
        status=str | None,
        **sums,
    )
    differing = combined(
        minute=text, currency=text, status=text, counted=combined(**sums), stored=combined(**sums)
    )
    return {
        "demo": Document(demo),
        "send": Document(schema_of(RecordMetadata), is_list=True),
        "event": Document(schema_of(RecordMetadata)),
        "get": Document(item()),
        "list": Document(item(), is_list=True),
        "history": Document(history),
        "waiting": Document(waiting, is_list=True),
        "totals": Document(total, is_list=True),
        "totals --check": Document(combined(orders=number, differences=array(differing), changing=number)),
        "totals --rebuild": Document(combined(orders=number, place=place)),
        "trace": Document(combined(order_id=text, item=nullable(item()), steps=array(TraceEvent))),
        "status": Document(schema_of(Status)),
        "status --watch": Document(schema_of(Status), is_list=True),
        "logs": Document(schema_of(LogEvent), is_list=True),
        "adopt": Document(adopted),
        "deploy": Document(deployed),
        "deploy --rollback": Document(
            combined(stack=text, status=text, **{"from": Version, "to": Version}, place=place)
        ),
        "destroy": Document(destroyed),
        "destroy --dry-run": Document(combined(inventory, place=place)),
        "plan": Document(planned),
        "doctor": Document(schema_of(Diagnosis), is_list=True),
        "model show": Document(combined(**get_type_hints(DescribedField)), is_list=True),
        "model check": Document(schema_of(ModelComparison)),
        "model diff": Document(combined(**get_type_hints(SchemaChange)), is_list=True),
        "archive replay": Document(combined(ReplayResult, place=place)),
        "archive replay --dry-run": Document(combined(ReplayPlan, to=text, place=place)),
        "archive forget": Document(combined(StampedReceipt, place=place)),
        "archive forget --dry-run": Document(combined(ErasureReceipt, place=place)),
        "archive seal": Document(maintained),
        "archive compact": Document(maintained),
        "archive compact --dry-run": Document(
            combined(hour=text, objects=number, bytes=number), is_list=True
        ),
        "archive audit": Document(combined(TimeRange, Audit, head=str | None)),
        "changes tail": Document(change, is_list=True),
        "changes replay": Document(combined(ReplayedChanges, place=place)),
        "quarantine list": Document(quarantined, is_list=True),
        "quarantine show": Document(optional(combined(quarantined, **raw), *raw)),
        "quarantine resubmit": Document(
            optional(combined(without(Resubmission, "data"), **raw), *raw), is_list=True
        ),
        "dead-letters list": Document(batch, is_list=True),
        "dead-letters redrive": Document(schema_of(RedriveResult), is_list=True),
        "webhooks add": Document(schema_of(NewSecret)),
        "webhooks list": Document(schema_of(WebhookStatus), is_list=True),
        "webhooks test": Document(schema_of(EndpointAnswer)),
        "webhooks redrive": Document(combined(id=text, redriven=number)),
        "webhooks rotate": Document(schema_of(NewSecret)),
        "webhooks remove": Document(combined(id=text, removed=number)),
        "stack env": Document(by_name(text)),
        "stack verify": Document(optional(verified, "repaired", "place")),
        "stack accept": Document(accepted),
        "stack policy deployer": Document(policy, is_list=True),
        "stack policy boundary": Document(policy),
    }


def keys() -> dict[str, dict[str, str]]:
    """The keys of each command's JSON, with their types."""
    return {name: dict(keys_of(document.schema)) for name, document in documents().items()}


def document_of(words: tuple[str, ...]) -> Document | None:
    """What a call prints, by its words after `orders`; None if its keys are not fixed."""
    name = " ".join(path_of(words)[0])
    switched = (f"{name} {option}" for option in _SWITCHES if option in words)
    return next((documents()[one] for one in switched if one in documents()), documents().get(name))


def ensure_documented(words: tuple[str, ...], printed: str) -> None:
    """Raise an exception unless a call printed what is documented: JSON, one object or one per line."""
    document = document_of(words)
    lines = [msgspec.json.decode(line) for line in printed.splitlines()]
    if document is None:
        assert all(isinstance(line, dict) for line in lines), printed
        return
    assert document.is_list or len(lines) <= 1, printed
    # Not checked against the schema of schemas for every line.
    validator = jsonschema.Draft202012Validator(document.schema or ANYTHING)
    for line in lines:
        validator.validate(line)


def reference() -> str:
    """A section for each command."""
    return "\n\n".join(_sections())


def _sections() -> Iterator[str]:
    for name, document in documents().items():
        what = "One object a line." if document.is_list else "One object."
        rows = [(code(path), kind) for path, kind in keys_of(document.schema)]
        yield f"## orders {name}\n\n{what}\n\n{table(('Key', 'Type'), rows)}"
