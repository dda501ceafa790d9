"""The scheduled Lambda function: seals the hours that are over and, if it is told to, compacts them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.config import Config

from orderstream.archive.maintenance import MaintenanceResult, maintain
from orderstream.aws.clients import AwsClients
from orderstream.aws.stack import Stack
from orderstream.errors import InputError
from orderstream.pipeline import telemetry
from orderstream.storage.bucket import TimeRange

# AWS retries a record for seven days at most: what is older does not change any more. An archive that was
# there before its upkeep is sealed by hand, once.
LOOKS_BACK = timedelta(days=8)

# No hour is begun with less than this left: most take seconds, and what is broken off is done the next time.
MARGIN_SECONDS = 300

# A connection that is dead costs a retry, not the round. S3 takes seconds to delete a thousand objects. The
# read timeout counts between two pieces of an object, however large that is.
TIMEOUTS = Config(connect_timeout=2, read_timeout=5)

_ACTS = ("seal", "compact")


def handle(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Do one round. Returns how much was done, and logs that with the objects that somebody must look at."""
    act, stack, currency = settings(os.environ)
    kept = maintain(
        AwsClients(timeouts=TIMEOUTS),
        stack,
        TimeRange(datetime.now(UTC) - LOOKS_BACK),
        compacting=act == "compact",
        currency=currency,
        is_patient=True,
        has_time=lambda: context.get_remaining_time_in_millis() / 1000 > MARGIN_SECONDS,
    )
    print(line(kept, stack.name, context.aws_request_id, datetime.now(UTC)), flush=True)
    return _counts(kept)


def settings(environ: Mapping[str, str]) -> tuple[str, Stack, str]:
    """What to do, where, and the currency of orders that name none. Raises InputError for what is not set."""
    try:
        act = environ["ARCHIVE_UPKEEP"]
        stack = Stack(
            name=environ["STACK_NAME"],
            stream="",
            table="",
            customer_index=None,
            bucket=environ["ARCHIVE_BUCKET"],
            function=environ["FUNCTION_NAME"],
            mapping_id="",
            discarded_bucket=environ["DISCARDED_BUCKET"],
        )
        currency = environ["DEFAULT_CURRENCY"]
    except KeyError as missing:
        raise InputError(f"environment variable {missing} is not set") from None
    if act not in _ACTS:
        raise InputError(f"ARCHIVE_UPKEEP must be one of {', '.join(_ACTS)}, not {act!r}")
    return act, stack, currency


def line(kept: MaintenanceResult, stack: str, request_id: str, now: datetime) -> str:
    """The log line of one round; how much somebody must look at is its metric."""
    said = {"Stack": stack, "request_id": request_id, **_counts(kept), "late_objects": kept.late[:10]}
    said |= {"left_alone": kept.problems[:10], "UpkeepFindings": len(kept.late) + len(kept.problems)}
    return telemetry.emf_line(said, {"UpkeepFindings": "Count"}, now)


def _counts(kept: MaintenanceResult) -> dict[str, Any]:
    return {
        "sealed": len(kept.sealed),
        "compacted": len(kept.compacted),
        "objects_before": sum(one.objects for one in kept.compacted),
        "late": len(kept.late),
        "problems": len(kept.problems),
        "head": kept.head and f"{kept.head.number}:{kept.head.sha256}",
    }
