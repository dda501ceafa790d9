"""Patches MiniStack's DynamoDB Streams: every write has its stream record, which a restart keeps.

MiniStack writes no record for PartiQL, numbers records by the clock, and forgets all records at a stop. It
serves one request to DynamoDB after the other, so the order of the records is that of the writes.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from typing import Any

from ministack.core.responses import get_account_id, get_region, request_scope
from ministack.services import dynamodb
from ministack.services.cloudformation import provisioners

from orderstream.local.arrivals import note
from orderstream.local.patches import Patches, require_attr

Table = dict[str, Any]
Item = dict[str, Any]
# In JSON: {"table": [account, region, name], "item": what is stored now, "record": its stream record}.
Write = dict[str, Any]
# Status, headers, body.
Answer = tuple[int, Any, Any]

_patches = Patches()
_patches.need(
    dynamodb,
    "_stream_records",
    "_stream_trimmed",
    "_closed_streams",
    "_stream_label",
    "_partiql_key_target",
    "_item_size_bytes",
    "_ddb_equals",
    "_extract_key_val",
    "_set_item",
    "_remove_item",
)
# What the current request has written so far, None outside of one.
_written: ContextVar[list[Write] | None] = ContextVar("written", default=None)
# The changes that a PartiQL transaction has made so far, None outside of one.
_held: ContextVar[list[tuple[Table, Item | None, Item | None]] | None] = ContextVar("held", default=None)
_STATE = ("_stream_records", "_stream_trimmed", "_closed_streams")
_last_number = 0
_journal: Callable[[list[Write]], None] | None = None


@_patches.replace("_partiql_insert", dynamodb)
def record_partiql_inserts(plain: Callable[..., Answer], table: Table, parsed: dict[str, Any]) -> Answer:
    """Write the stream record of a PartiQL INSERT."""
    answer = plain(table, parsed)
    if answer[0] < 300:
        item = parsed["item"]
        _record(table, None, item["M"] if set(item) == {"M"} else item)
    return answer


@_patches.replace("_partiql_update", dynamodb)
@_patches.replace("_partiql_delete", dynamodb)
def record_partiql_changes(
    plain: Callable[..., Answer], table: Table, parsed: dict[str, Any], *rest: Any
) -> Answer:
    """Write the stream record of a PartiQL UPDATE or DELETE."""
    partition, sort, _, _ = dynamodb._partiql_key_target(table, parsed)

    def item() -> Item | None:
        found: Item | None = table["items"].get(partition, {}).get(sort)
        return found

    before = item()
    answer = plain(table, parsed, *rest)
    if answer[0] < 300 and before:
        _record(table, before, item())
    return answer


@_patches.replace("_execute_transaction", dynamodb)
def record_transactions_that_succeed(plain: Callable[..., Answer], data: dict[str, Any]) -> Answer:
    """Write the stream records of a PartiQL transaction when it succeeds: a failed one is rolled back."""
    changes: list[tuple[Table, Item | None, Item | None]] = []
    token = _held.set(changes)
    try:
        answer = plain(data)
    finally:
        _held.reset(token)
    for change in changes if answer[0] < 300 else ():
        _record(*change)
    return answer


def _record(table: Table, before: Item | None, after: Item | None) -> None:
    if (held := _held.get()) is not None:
        held.append((table, before, after))
        return
    event = "MODIFY" if before and after else "INSERT" if after else "REMOVE"
    dynamodb._emit_stream_event(table["TableName"], event, before, after)


@_patches.replace("_emit_stream_event", dynamodb)
def record_changes_only(
    plain: Callable[..., None],
    table_name: str,
    event: str,
    before: Item | None,
    after: Item | None,
    *rest: Any,
    **options: Any,
) -> None:
    """Write no record for an item that stays as it was, also if a set or a number is spelled differently."""
    if event == "MODIFY" and dynamodb._ddb_equals({"M": before}, {"M": after}):
        return
    last = _last_record(table_name)
    plain(table_name, event, before, after, *rest, **options)
    record = _last_record(table_name)
    if record is not last:
        note(table_name)
    if _journal and record is not last:
        place = [get_account_id(), get_region(), table_name]
        write = {"table": place, "item": after, "record": record}
        if (written := _written.get()) is not None:
            written.append(write)
        else:
            _journal([write])


@_patches.replace("handle_request", dynamodb)
async def journal_requests(plain: Callable[..., Awaitable[Answer]], *request: Any) -> Answer:
    """Journal what a request has written before it is answered, all of it at once."""
    written: list[Write] = []
    token = _written.set(written)
    try:
        return await plain(*request)
    finally:
        _written.reset(token)
        if _journal and written:
            _journal(written)


def _last_record(table_name: str) -> dict[str, Any] | None:
    records = dynamodb._stream_records.get(table_name)
    return records[-1] if records else None


@_patches.replace("_build_change_record", dynamodb)
def complete_records(plain: Callable[..., dict[str, Any]], *change: Any) -> dict[str, Any]:
    """Give a record the id and the size that AWS gives it."""
    record = plain(*change)
    record["eventID"] = record["eventID"].replace("-", "")
    images = (record["dynamodb"].get(name) for name in ("Keys", "NewImage", "OldImage"))
    record["dynamodb"]["SizeBytes"] = sum(dynamodb._item_size_bytes(image) for image in images if image)
    return record


@_patches.replace("_next_stream_seq", dynamodb)
def never_repeat_a_number(plain: Callable[[], str]) -> str:
    """Give each record a higher sequence number than all before it, even if the clock went back."""
    global _last_number
    _last_number = max(int(plain()), _last_number + 1)
    return str(_last_number)


@_patches.replace("get_state", dynamodb)
def save_records(plain: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Save the stream records with the items, so that both are those of one moment."""
    return plain() | {name: getattr(dynamodb, name) for name in _STATE}


@_patches.replace("load_persisted_state", dynamodb)
def restore_records(plain: Callable[[Any], None], state: dict[str, Any]) -> None:
    """Restore the stream records. State from releases that saved none has none."""
    global _last_number
    plain(state)
    for name in _STATE:
        getattr(dynamodb, name).update(state.get(name, {}))
    closed = [stream["records"] for stream in dynamodb._closed_streams.all_values()]
    for records in (*dynamodb._stream_records.all_values(), *closed):
        for record in records[-1:]:
            _last_number = max(_last_number, _number_of(record))


def journal_writes(append: Callable[[list[Write]], None]) -> None:
    """Call `append` with the writes of each request that have a record, before it is acknowledged."""
    global _journal
    _journal = append


def restore_write(write: Write) -> None:
    """Repeat a write given to the journal, unless it is in the restored state or its stream is not."""
    global _last_number
    account, region, name = write["table"]
    record = write["record"]
    with request_scope(account, region):
        table = dynamodb._tables.get(name)
        if table is None or table.get("LatestStreamArn") != record["eventSourceARN"]:
            return
        last = _last_record(name)
        if last and _number_of(last) >= _number_of(record):
            return
        keys = record["dynamodb"]["Keys"]
        partition = dynamodb._extract_key_val(keys[table["pk_name"]])
        sort = dynamodb._extract_key_val(keys[table["sk_name"]]) if table["sk_name"] else "__no_sort__"
        if write["item"] is None:
            dynamodb._remove_item(table, partition, sort)
        else:
            dynamodb._set_item(table, partition, sort, write["item"])
        dynamodb._stream_records.setdefault(name, []).append(record)
        _last_number = max(_last_number, _number_of(record))


def _number_of(record: dict[str, Any]) -> int:
    return int(record["dynamodb"]["SequenceNumber"])


@_patches.replace("_ddb_create", provisioners)
def name_streams_as_aws_does(
    plain: Callable[..., tuple[str, dict[str, str]]], *resource: Any
) -> tuple[str, dict[str, str]]:
    """End the ARN of a stream that a template creates with its label."""
    name, attributes = plain(*resource)
    if "StreamArn" in attributes:
        table = dynamodb._tables[name]
        table["LatestStreamLabel"] = dynamodb._stream_label()
        table["LatestStreamArn"] = f"{table['TableArn']}/stream/{table['LatestStreamLabel']}"
        attributes["StreamArn"] = table["LatestStreamArn"]
    return name, attributes


def follow_aws() -> None:
    """Apply all patches."""
    handlers = require_attr(provisioners, "_RESOURCE_HANDLERS")["AWS::DynamoDB::Table"]
    _patches.apply()
    handlers["create"] = provisioners._ddb_create
