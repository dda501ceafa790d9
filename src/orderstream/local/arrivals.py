"""Tells the parent of MiniStack's process what has arrived there, so that nobody has to poll for it."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Mapping
from typing import Any

from ministack import app
from ministack.services import kinesis

from orderstream.local.patches import Patches, require_attr
from orderstream.local.write_operations import RESOURCES, Scope, noticing_changes

Tell = Callable[[Mapping[str, Any]], None]
# Status, headers, body.
Answer = tuple[int, Any, Any]

# Arrivals within this time are told together, so that a flood of them costs little.
_TOGETHER_SECONDS = 0.005
# A client repeats GetRecords for seconds at most. Used iterators would otherwise stay for five minutes, and
# with a call for each arrival they would be tens of thousands.
_USED_ITERATOR_SECONDS = 10.0
# As in the credential scope of a signature.
_RESOURCES = re.compile(rb"/(cloudformation|lambda|pipes)/aws4_request")

_patches = Patches()
_patches.need(kinesis, "_resolve_stream", "_shard_iterators", "ITERATOR_EXPIRY_SECONDS")
_tell: Tell | None = None
_arrived: set[str] = set()
_guard = threading.Lock()


def note(name: str) -> None:
    """Tell the parent soon that something has arrived in a stream, a shard (`ARN/SHARD`) or a table."""
    if _tell is None:
        return
    with _guard:
        is_first = not _arrived
        _arrived.add(name)
    if is_first:
        app._MAIN_LOOP.call_soon_threadsafe(app._MAIN_LOOP.call_later, _TOGETHER_SECONDS, _flush)


def _flush() -> None:
    with _guard:
        names = sorted(_arrived)
        _arrived.clear()
    if _tell:
        _tell({"arrived": names})


@_patches.replace("_put_record", kinesis)
@_patches.replace("_put_records", kinesis)
def tell_of_records(plain: Callable[[Any], Answer], given: Any) -> Answer:
    """Tell which shards got records."""
    stream = kinesis._resolve_stream(given)[1]
    shards = stream["shards"] if stream else {}
    before = {shard_id: len(shard["records"]) for shard_id, shard in shards.items()}
    answer = plain(given)
    for shard_id, count in before.items():
        if len(shards[shard_id]["records"]) != count:
            note(f"{stream['StreamARN']}/{shard_id}")
    return answer


@_patches.replace("_split_shard", kinesis)
@_patches.replace("_merge_shards", kinesis)
@_patches.replace("_update_shard_count", kinesis)
@_patches.replace("_delete_stream", kinesis)
def tell_of_shards(plain: Callable[[Any], Answer], given: Any) -> Answer:
    """Tell which stream has other shards."""
    stream = kinesis._resolve_stream(given)[1]
    answer = plain(given)
    if stream:
        note(stream["StreamARN"])
    return answer


@_patches.replace("_get_records", kinesis)
def expire_used_iterators(plain: Callable[[Any], Answer], given: Any) -> Answer:
    """Let an iterator expire soon after it was used."""
    answer = plain(given)
    if used := kinesis._shard_iterators.get(given.get("ShardIterator")):
        used["created_at"] -= kinesis.ITERATOR_EXPIRY_SECONDS - _USED_ITERATOR_SECONDS
    return answer


def _is_of_resources(scope: Scope) -> bool:
    signature = dict(scope["headers"]).get(b"authorization", b"")
    return bool(_RESOURCES.search(signature)) and not scope["path"].endswith("/invocations")


def install(tell: Tell) -> None:
    """Tell the parent from now on; call before MiniStack starts."""
    global _tell
    _tell = tell
    _patches.apply()
    app.app = noticing_changes(require_attr(app, "app"), lambda: note(RESOURCES), _is_of_resources)
