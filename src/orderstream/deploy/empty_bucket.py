"""Empties a bucket: every version and delete marker, except those under Object Lock."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from botocore.exceptions import ClientError

from orderstream.aws.clients import AwsClients
from orderstream.progress import Progress
from orderstream.sdk.errors import translate_errors

# The maximum per delete request and per listed page.
AT_A_TIME = 1000
# For how many locked versions the retention date is read; each takes a request.
MOST_ASKED = 1000


@dataclass
class EmptyResult:
    """The versions and delete markers removed, those that Object Lock retains, until when, and `problems`."""

    removed: int = 0
    locked: int = 0
    until: datetime | None = None
    problems: list[str] = field(default_factory=list)


def empty_bucket(cloud: AwsClients, bucket: str, *, prefix: str = "", progress: Progress) -> EmptyResult:
    """Remove everything in the bucket, or under `prefix`. May be interrupted and repeated."""
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
        # A delete marker supports no HEAD, and has no lock.
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
