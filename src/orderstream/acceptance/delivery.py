"""Checks of delivery: duplicates, conflicts, invalid records, discarded batches, resharding."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from orderstream.acceptance.context import Context, Evidence, expect
from orderstream.acceptance.traffic import (
    OTHER_CONTENT,
    accounted,
    await_stored,
    new_orders,
    send,
    send_bytes,
)
from orderstream.aws.deployment import Deployment
from orderstream.ingest.samples import BAD
from orderstream.recovery import dead_letters
from orderstream.recovery.quarantine import list_quarantined
from orderstream.recovery.redrive import redrive
from orderstream.sdk.errors import translate_errors
from orderstream.storage.orders import get_order

DUPLICATES, CONFLICTS, INVALID, DISCARDED, RESHARDED = 20, 5, 5, 3, 60
# The minimum that AWS allows.
_AGE_SECONDS = 60
# An update of a mapping takes a minute or two.
_SETTLED_SECONDS = 300.0
_MOVING = {"Creating", "Enabling", "Disabling", "Updating"}


def duplicates(context: Context) -> Evidence:
    """Send orders, wait until they are stored, and send them again."""
    before = accounted(context).counts
    orders = new_orders("duplicate", DUPLICATES)
    send(context, orders)
    await_stored(context, orders)
    send(context, orders)

    def look() -> Evidence:
        now = accounted(context).counts
        found = {"sent": 2 * DUPLICATES, "records": now.records - before.records}
        # Stored orders may include the canary's; duplicates never do.
        found |= {"items": now.stored - before.stored, "duplicates": now.duplicates - before.duplicates}
        expect(found["duplicates"] == DUPLICATES, f"{found['duplicates']} duplicates of {DUPLICATES}")
        return found

    return context.until(look, seconds=120, what="duplicates")


def conflicts(context: Context) -> Evidence:
    """Send orders, and different ones with the same ids."""
    orders = new_orders("conflict", CONFLICTS)
    send(context, orders)
    await_stored(context, orders)
    ids = {order["order_id"] for order in orders}
    before = [get_order(context.deployment, one) for one in ids]
    send(context, [order | OTHER_CONTENT for order in orders])

    def look() -> Evidence:
        found = [one for one in list_quarantined(context.deployment, reason="conflict")]
        both = [one for one in found if one.line.order_id in ids and one.line.stored]
        expect(len(both) == CONFLICTS, f"{len(both)} of {CONFLICTS} conflicts are in quarantine")
        kept = [get_order(context.deployment, one) for one in ids]
        expect(kept == before, "the first orders were changed")
        return {"conflicts": len(both), "kept": len(kept), "object": both[0].key}

    return context.until(look, seconds=120, what="conflicts")


def invalid(context: Context) -> Evidence:
    """Send records that are not valid orders."""
    some = BAD[:INVALID]
    before = sum(1 for _ in list_quarantined(context.deployment))
    send_bytes(context, some)

    def look() -> Evidence:
        found = list(list_quarantined(context.deployment))[before:]
        expect(len(found) == INVALID, f"{len(found)} of {INVALID} records are in quarantine")
        codes = sorted({reason["code"] for one in found for reason in one.line.reasons})
        return {"quarantined": len(found), "reasons": codes}

    return context.until(look, seconds=120, what="the quarantine")


def discarded(context: Context) -> Evidence:
    """Block the function until orders are too old; then redrive what Lambda discarded."""
    deployment = context.deployment
    orders = new_orders("discarded", DISCARDED)
    with _discarding(context, deployment):
        send(context, orders)

        def look() -> list[dead_letters.FailedBatch]:
            found = list(dead_letters.batches_to_show(deployment, everything=False))
            records = sum(one.records for one in found)
            expect(records >= DISCARDED, f"{records} of {DISCARDED} records are discarded")
            return found

        waiting = context.until(look, seconds=_AGE_SECONDS + 240, what="discarded batches")
    outcomes = list(redrive(deployment, dead_letters.read_batches(deployment), dry_run=False))
    problems = [problem for one in outcomes for problem in one.problems]
    expect(all(one.done for one in outcomes), f"not redriven: {'; '.join(problems)}")
    await_stored(context, orders)
    left = list(dead_letters.batches_to_show(deployment, everything=False))
    expect(not left, f"{len(left)} batches are still listed after the redrive")
    return {
        "batches": len(waiting),
        "condition": sorted({one.condition for one in waiting}),
        "bucket": deployment.discarded_bucket,
        "object": waiting[0].place,
        "redriven": sum(one.records for one in outcomes),
        "stored": len(orders),
    }


def reshard(context: Context) -> Evidence:
    """Split the shard and merge it again while orders arrive."""
    shards = split_and_merge(context)
    counts = accounted(context).counts
    return {"shards": shards, "orders": RESHARDED, "records": counts.records, "discrepancies": 0}


def split_and_merge(context: Context) -> list[int]:
    """Send orders before, during and after both; return the numbers of shards once all orders are stored."""
    cloud, stream = context.cloud, context.deployment.stream
    orders = new_orders("reshard", RESHARDED)
    third = RESHARDED // 3
    shards = [_open_shards(context, stream)]
    for number, target in enumerate((2 * shards[0], shards[0])):
        send(context, orders[number * third : number * third + third // 2])
        with translate_errors("cannot reshard the stream"):
            cloud.kinesis.update_shard_count(
                StreamName=stream, TargetShardCount=target, ScalingType="UNIFORM_SCALING"
            )
        send(context, orders[number * third + third // 2 : (number + 1) * third])

        def look(wanted: int = target) -> None:
            found = _open_shards(context, stream)
            expect(found == wanted, f"{found} shards are open, not {wanted}")

        context.until(look, seconds=300, what="the shards")
        shards.append(target)
    send(context, orders[2 * third :])
    await_stored(context, orders)
    return shards


def _open_shards(context: Context, stream: str) -> int:
    with translate_errors("cannot look at the stream"):
        found = context.cloud.kinesis.describe_stream_summary(StreamName=stream)["StreamDescriptionSummary"]
    expect(found["StreamStatus"] == "ACTIVE", f"the stream is {found['StreamStatus']}")
    return found["OpenShardCount"]


@contextmanager
def _discarding(context: Context, deployment: Deployment) -> Iterator[None]:
    """Block invocations and discard records at the minimum age; restore function and mapping afterwards."""
    functions = context.cloud.lambda_
    with translate_errors("cannot keep the function from running"):
        mapping = functions.get_event_source_mapping(UUID=deployment.mapping_id)
        functions.put_function_concurrency(FunctionName=deployment.function, ReservedConcurrentExecutions=0)
    try:
        _set_age(context, deployment, _AGE_SECONDS)
        yield
    finally:
        with translate_errors("cannot let the function run again"):
            functions.delete_function_concurrency(FunctionName=deployment.function)
        _set_age(context, deployment, int(mapping["MaximumRecordAgeInSeconds"]))


def _set_age(context: Context, deployment: Deployment, seconds: int) -> None:
    def settled() -> None:
        with translate_errors("cannot look at the event source mapping"):
            state = context.cloud.lambda_.get_event_source_mapping(UUID=deployment.mapping_id)["State"]
        expect(state not in _MOVING, f"the mapping is {state}")

    context.until(settled, seconds=_SETTLED_SECONDS, what="the mapping")
    with translate_errors("cannot change the event source mapping"):
        context.cloud.lambda_.update_event_source_mapping(
            UUID=deployment.mapping_id, MaximumRecordAgeInSeconds=seconds
        )
    context.until(settled, seconds=_SETTLED_SECONDS, what="the mapping")
