"""Retries objects of MiniStack's S3 that are only in memory because writing them to disk failed."""

from __future__ import annotations

import contextvars
from collections.abc import Callable
from typing import Any

from ministack.core.responses import get_account_id, set_request_account_id
from ministack.services import s3

from orderstream.local.patches import require_attr


class UnsavedObjects:
    """Tracks them and writes them later. MiniStack itself keeps their bodies, but does not retry."""

    def __init__(self) -> None:
        # By account, bucket and key.
        self._objects: dict[tuple[str, str, str], Any] = {}
        self._error = ""

    def install(self) -> None:
        """Wrap the writing of MiniStack's S3."""
        write: Callable[..., None] = require_attr(s3, "_atomic_write")
        persist: Callable[[str, str, Any], None] = require_attr(s3, "_persist_object")
        require_attr(s3, "_buckets")

        def writing(*arguments: Any, **options: Any) -> None:
            try:
                write(*arguments, **options)
            except OSError as error:
                self._error = error.strerror or str(error)
                raise

        def persisting(bucket: str, key: str, obj: Any) -> None:
            persist(bucket, key, obj)
            place = (get_account_id(), bucket, key)
            if isinstance(obj, dict) and obj.get("body") is not None:
                self._objects[place] = obj
            else:
                self._objects.pop(place, None)

        s3._atomic_write = writing
        s3._persist_object = persisting

    @property
    def error(self) -> str:
        """Why there are any, "" if there are none."""
        return (self._error or "an object cannot be written") if self._objects else ""

    def write(self) -> None:
        """Retry, and forget those that were replaced or deleted."""
        for (account, bucket, key), obj in list(self._objects.items()):
            there = s3._buckets._data.get((account, bucket), {}).get("objects", {})
            if there.get(key) is not obj:
                del self._objects[account, bucket, key]
                continue
            context = contextvars.copy_context()
            context.run(set_request_account_id, account)
            context.run(s3._persist_object, bucket, key, obj)
