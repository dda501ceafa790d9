"""Checks of what S3 denies: a second put of a key, overwriting evidence, deleting locked objects."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from botocore.exceptions import ClientError

from orderstream.acceptance.cleanup import lock_bucket, remove_lock_bucket
from orderstream.acceptance.context import Context, Evidence, expect
from orderstream.deploy.empty_bucket import empty_bucket
from orderstream.domain.object_keys import EVIDENCE, MANIFESTS
from orderstream.errors import CheckFailedError
from orderstream.sdk.errors import error_code, translate_errors
from orderstream.storage import bucket

_LOCK_DAYS = 1
_KEY = "acceptance.json"


def if_none_match(context: Context) -> Evidence:
    """A second put of a key in the archive, as the function does it, is denied and changes nothing."""
    deployment = context.deployment
    entry = next(bucket.archive(deployment), None)
    if entry is None:
        raise CheckFailedError("the archive has no object")
    code = _refusal(
        lambda: deployment.cloud.s3.put_object(
            Bucket=deployment.bucket, Key=entry.key, Body=b"", IfNoneMatch="*"
        ),
        "a second put of the key was taken",
    )
    expect(code == "PreconditionFailed", f"a second put of the key is refused with {code}")
    now = next(bucket.list_prefix(deployment, entry.key))
    expect(now == entry, "the object is not what it was")
    return {"object": entry.key, "refused": code, "etag": now.etag}


def evidence_stays(context: Context) -> Evidence:
    """The bucket policy denies the caller to overwrite evidence and to delete a manifest."""
    s3, name = context.cloud.s3, context.deployment.bucket
    refused = {
        f"put {prefix}": _refusal(
            lambda key=prefix + _KEY: s3.put_object(Bucket=name, Key=key, Body=b"{}"),  # type: ignore[misc]
            f"{prefix}{_KEY} was written without If-None-Match",
        )
        for prefix in EVIDENCE
    }
    refused[f"delete {MANIFESTS}"] = _refusal(
        lambda: s3.delete_object(Bucket=name, Key=MANIFESTS + _KEY), "a manifest was deleted"
    )
    others = {what: code for what, code in refused.items() if code != "AccessDenied"}
    expect(not others, f"refused otherwise: {others}")
    return refused


def object_lock(context: Context) -> Evidence:
    """In a separate bucket: locked objects cannot be deleted, except by a caller that bypasses GOVERNANCE."""
    s3, name = context.cloud.s3, lock_bucket(context)
    where: Any = {}
    if context.region != "us-east-1":
        where = {"CreateBucketConfiguration": {"LocationConstraint": context.region}}
    rule: Any = {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": _LOCK_DAYS}}
    with translate_errors(f"cannot make s3://{name}"):
        s3.create_bucket(Bucket=name, ObjectLockEnabledForBucket=True, **where)
        s3.put_object_lock_configuration(
            Bucket=name, ObjectLockConfiguration={"ObjectLockEnabled": "Enabled", "Rule": rule}
        )
    try:
        with translate_errors(f"cannot write to s3://{name}"):
            version = s3.put_object(Bucket=name, Key=_KEY, Body=b"{}")["VersionId"]
        code = _refusal(
            lambda: s3.delete_object(Bucket=name, Key=_KEY, VersionId=version), "a locked version was deleted"
        )
        expect(code == "AccessDenied", f"deleting a locked version is refused with {code}")
        # As `orders destroy --delete-data` empties it.
        left = empty_bucket(context.cloud, name, progress=context.progress)
        expect((left.removed, left.locked) == (0, 1), f"{left.removed} removed, {left.locked} held")
        return {"refused": code, "held": left.locked, "until": f"{left.until:%Y-%m-%dT%H:%MZ}"}
    finally:
        remove_lock_bucket(context)


def _refusal(act: Callable[[], object], otherwise: str) -> str:
    """The error code with which S3 denies `act`. Raises CheckFailedError if it does not."""
    try:
        act()
    except ClientError as error:
        return error_code(error)
    raise CheckFailedError(otherwise)
