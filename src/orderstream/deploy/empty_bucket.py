"""A bucket emptied: every version and every delete marker, except those that Object Lock holds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from botocore.exceptions import ClientError

from orderstream.aws.clients import AwsClients, translate_errors

# The most that one request takes, and that one page lists.
AT_A_TIME = 1000
# Of so many that could not be removed it is asked until when; each takes a request.
MOST_ASKED = 1000


@dataclass
class EmptyResult:
    """How many versions and delete markers went, how many Object Lock holds until when, other `problems`."""

    removed: int = 0
    locked: int = 0
    until: datetime | None = None
    problems: list[str] = field(default_factory=list)


def empty_bucket(
    cloud: AwsClients, bucket: str, *, prefix: str = "", progress: Callable[[str, int], None]
) -> EmptyResult:
    """Remove what is in the bucket, or under `prefix`. It may be broken off, and done again."""
    done = EmptyResult()
    with translate_errors(f"cannot empty s3://{bucket}/{prefix}"):
        pages = cloud.s3.get_paginator("list_object_versions").paginate(
            Bucket=bucket, Prefix=prefix, PaginationConfig={"PageSize": AT_A_TIME}
        )
        for page in pages:
            entries = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
            some = [{"Key": one["Key"], "VersionId": one["VersionId"]} for one in entries]
            if not some:
                continue
            answer = cloud.s3.delete_objects(Bucket=bucket, Delete={"Objects": some, "Quiet": True})  # type: ignore[typeddict-item]
            failed = answer.get("Errors", [])
            done.removed += len(some) - len(failed)
            for error in failed:
                _note(cloud, bucket, dict(error), done)
            progress("versions removed", done.removed)
    return done


def _note(cloud: AwsClients, bucket: str, error: dict[str, Any], done: EmptyResult) -> None:
    if error["Code"] != "AccessDenied":
        done.problems.append(
            f"{error['Key']} ({error['VersionId']}): {error.get('Message') or error['Code']}"
        )
        return
    if done.locked and done.locked + len(done.problems) >= MOST_ASKED:
        done.locked += 1
        return
    try:
        found = cloud.s3.head_object(Bucket=bucket, Key=error["Key"], VersionId=error["VersionId"])
    except ClientError:
        # A delete marker has no head, and no lock.
        found = {}  # type: ignore[typeddict-item]
    until = found.get("ObjectLockRetainUntilDate")
    held = found.get("ObjectLockLegalHoldStatus") == "ON"
    if held or (until and until > cloud.now()):
        done.locked += 1
        done.until = max(filter(None, (done.until, until)), default=None)
    else:
        done.problems.append(
            f"{error['Key']} ({error['VersionId']}): {error.get('Message', 'access denied')}"
        )
