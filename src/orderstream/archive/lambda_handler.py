"""The scheduled Lambda function: seal completed hours and, if configured, compact them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.config import Config

from orderstream.archive.maintenance import MaintenanceResult, maintain
from orderstream.aws.clients import AwsClients
from orderstream.aws.deployment import Deployment
from orderstream.domain.user_model import use_model_of
from orderstream.errors import InputError
from orderstream.pipeline import telemetry
from orderstream.storage.bucket import TimeRange

# AWS retries a record for at most seven days, so older hours no longer change. An archive that existed before
# its maintenance was enabled is sealed manually, once.
LOOKS_BACK = timedelta(days=8)

# No hour is started with less than this left. Most take seconds, and an interrupted one is completed next
# time.
MARGIN_SECONDS = 300

# A dead connection costs a retry, not the whole run. S3 takes seconds to delete a thousand objects. The read
# timeout applies between two chunks of an object, whatever its size.
TIMEOUTS = Config(connect_timeout=2, read_timeout=5)

_ACTS = ("seal", "compact")
# Unit and meaning.
METRICS = {"MaintenanceFindings": ("Count", "objects and hours of the archive that need attention")}


def handle(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Run once. Return the counts, and log them with the objects that need attention."""
    use_model_of(os.environ)
    act, deployment, currency = settings(os.environ)
    kept = maintain(
        deployment,
        TimeRange(datetime.now(UTC) - LOOKS_BACK),
        compacting=act == "compact",
        currency=currency,
        is_patient=True,
        has_time=lambda: context.get_remaining_time_in_millis() / 1000 > MARGIN_SECONDS,
    )
    print(line(kept, deployment.name, context.aws_request_id, datetime.now(UTC)), flush=True)
    return _counts(kept)


def settings(environ: Mapping[str, str]) -> tuple[str, Deployment, str]:
    """The act, the deployment and the default currency. Raises InputError for a missing variable."""
    try:
        act = environ["ARCHIVE_MAINTENANCE"]
        name = environ["STACK_NAME"]
        resources = {
            "ArchiveBucket": environ["ARCHIVE_BUCKET"],
            "FunctionName": environ["FUNCTION_NAME"],
            "DiscardedBucket": environ["DISCARDED_BUCKET"],
        }
        currency = environ["DEFAULT_CURRENCY"]
    except KeyError as missing:
        raise InputError(f"environment variable {missing} is not set") from None
    if act not in _ACTS:
        raise InputError(f"ARCHIVE_MAINTENANCE must be one of {', '.join(_ACTS)}, not {act!r}")
    return act, Deployment(AwsClients(timeouts=TIMEOUTS), name, resources), currency


def line(kept: MaintenanceResult, stack: str, request_id: str, now: datetime) -> str:
    """The log line of one run; its metric is the number of objects and hours that need attention."""
    said = {"Stack": stack, "request_id": request_id, **_counts(kept), "late_objects": kept.late[:10]}
    said |= {"left_alone": kept.problems[:10], "MaintenanceFindings": len(kept.late) + len(kept.problems)}
    return telemetry.emf_line(said, {"MaintenanceFindings": "Count"}, now)


def _counts(kept: MaintenanceResult) -> dict[str, Any]:
    return {
        "sealed": len(kept.sealed),
        "compacted": len(kept.compacted),
        "objects_before": sum(one.objects for one in kept.compacted),
        "late": len(kept.late),
        "problems": len(kept.problems),
        "head": kept.head and f"{kept.head.number}:{kept.head.sha256}",
    }
