"""The archive's lease: only one process at a time may compact, seal or erase, wherever it runs."""

from __future__ import annotations

import os
import socket
import threading
import uuid
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Any, Self

import msgspec
from botocore.exceptions import BotoCoreError, ClientError

from orderstream.aws.deployment import Deployment
from orderstream.domain.fields import InvalidValue, timestamp, utc_text
from orderstream.domain.object_keys import LEASE_KEY
from orderstream.errors import CloudError, DamagedError
from orderstream.sdk.errors import error_code, translate_errors

# A killed holder's lease ends after this; a live holder renews it three times within it.
VALID_FOR = timedelta(seconds=60)


_LONG_AGO = datetime.min.replace(tzinfo=UTC)
# S3's error codes if the object does not satisfy the condition of a call, or no longer exists.
_TAKEN = {"ConditionalRequestConflict", "NoSuchKey", "PreconditionFailed"}


class _Holder(msgspec.Struct):
    """The content of the object; `id` is unique to one lease."""

    who: str
    until: str
    id: str = ""


class Lease:
    """Held inside a `with` block; raises CloudError on entry while another process holds it.

    `doing` is the purpose. Call `check` before anything that two must not do at once.
    """

    def __init__(self, deployment: Deployment, doing: str, *, valid_for: timedelta = VALID_FOR) -> None:
        self._cloud = deployment.cloud
        self._where: dict[str, Any] = {"Bucket": deployment.bucket, "Key": LEASE_KEY}
        self._who = f"{doing} ({socket.gethostname()}, process {os.getpid()})"
        self._id = uuid.uuid4().hex
        self._valid_for = valid_for
        self._etag = ""
        self._until = _LONG_AGO
        self._ended = threading.Event()
        self._heart = threading.Thread(target=self._beat, name="lease", daemon=True)

    def __enter__(self) -> Self:
        with translate_errors("cannot take the archive's lease"):
            if not self._put(IfNoneMatch="*"):
                self._take_over()
        self._heart.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._heart.join()
        if self.is_held:
            with translate_errors("cannot give the archive's lease back"):
                try:
                    self._cloud.s3.delete_object(**self._where, IfMatch=self._etag)
                except ClientError as failed:
                    # If another has taken it over, that one keeps it.
                    if error_code(failed) not in _TAKEN:
                        raise

    def check(self) -> None:
        """Raise CloudError if the lease was lost: another process may then be at work."""
        if not self.is_held:
            raise CloudError(
                "the archive's lease was lost: S3 could not be reached for too long, or another took it",
                hint="nothing is lost; run the command again",
            )

    @property
    def is_held(self) -> bool:
        """Whether no other process can have it yet."""
        return self._cloud.now() < self._until

    def _take_over(self) -> None:
        found = self._found()
        if found is None:
            raise CloudError("the archive's lease was given back just now", hint="run it again")
        holder, etag = found
        if timestamp(holder.until) < self._cloud.now() and self._put(IfMatch=etag):
            return
        raise CloudError(
            f"the archive is in use: {holder.who}",
            hint=f"wait until it is done; if it was killed, its lease ends at {holder.until}",
        )

    def _put(self, **condition: Any) -> bool:
        """Write the lease if the condition holds; False if another process has it."""
        until = self._cloud.now() + self._valid_for
        body = msgspec.json.encode(_Holder(self._who, utc_text(until), self._id))
        try:
            etag = self._cloud.s3.put_object(**self._where, Body=body, **condition)["ETag"]
        except ClientError as error:
            if error_code(error) not in _TAKEN:
                raise
            # After a lost response the SDK retries, and may find its own lease in the way.
            found = self._found()
            if found is None or found[0].id != self._id:
                return False
            until, etag = timestamp(found[0].until), found[1]
        self._etag, self._until = etag, until
        return True

    def _found(self) -> tuple[_Holder, str] | None:
        """The holder of the lease, and the ETag of its object; None if nobody holds it."""
        try:
            answer = self._cloud.s3.get_object(**self._where)
            holder = msgspec.json.decode(answer["Body"].read(), type=_Holder)
            timestamp(holder.until)
        except (msgspec.MsgspecError, UnicodeDecodeError, InvalidValue) as error:
            raise DamagedError(
                f"s3://{self._where['Bucket']}/{LEASE_KEY} is not a valid lease: {error}",
                hint="while nobody seals, compacts or erases, delete it",
            ) from None
        except self._cloud.s3.exceptions.NoSuchKey:
            return None
        return holder, answer["ETag"]

    def _beat(self) -> None:
        while not self._ended.wait(self._valid_for.total_seconds() / 3):
            try:
                if not self._put(IfMatch=self._etag):
                    self._until = _LONG_AGO
                    return
            except (ClientError, BotoCoreError, CloudError):
                # The next attempt may succeed; until then `check` decides.
                continue
