"""The composition root: create clients and stores from the settings, once per process."""

from __future__ import annotations

import gc
import os
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any

import msgspec

from orderstream.domain.user_model import order_model, use_model_of
from orderstream.pipeline.archive import BatchArchive, ObjectStore, OrderArchive
from orderstream.pipeline.concurrency import MOST_THREADS, ParallelMap, threads_for
from orderstream.pipeline.event_table import EventTable
from orderstream.pipeline.lifecycle import Lifecycle
from orderstream.pipeline.quarantine import QuarantineWriter
from orderstream.pipeline.settings import Settings, from_environment
from orderstream.pipeline.table import OrderTable
from orderstream.sdk.thin_client import DynamoClient, S3Client

_ATTEMPTS_TO_PUT = 5
_ALLOCATIONS_BETWEEN_COLLECTIONS = 100_000


class Services(msgspec.Struct, frozen=True):
    """Everything the handler needs."""

    settings: Settings
    archive: BatchArchive | OrderArchive
    table: OrderTable
    events: Lifecycle
    quarantine: QuarantineWriter


class S3Store:
    """An ObjectStore backed by an S3 bucket; its errors are raised as CloudError.

    `client` is a `S3Client`, or one of botocore.
    """

    def __init__(self, client: Any, bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def put_new(self, key: str, body: bytes) -> bool:
        """Write an object unless the key exists; return whether it was written."""
        attempts = 0
        while True:
            attempts += 1
            try:
                self._client.put_object(Bucket=self._bucket, Key=key, Body=body, IfNoneMatch="*")
                return True
            except Exception as error:
                # Imported only now: it imports botocore, which takes half of a cold start.
                from orderstream.sdk.errors import error_code, translate_errors

                if error_code(error) == "PreconditionFailed":
                    return False
                # Another delivery is writing the same key: the next attempt shows which one was first.
                if error_code(error) != "ConditionalRequestConflict" or attempts == _ATTEMPTS_TO_PUT:
                    with translate_errors(f"bucket {self._bucket}"):
                        raise

    def get(self, key: str) -> bytes | None:
        """The content of an object, or None if it does not exist."""
        try:
            body: bytes = self._client.get_object(Bucket=self._bucket, Key=key)["Body"].read()
            return body
        except Exception as error:
            # Imported only now: it imports botocore, which takes half of a cold start.
            from orderstream.sdk.errors import error_code, translate_errors

            with translate_errors(f"bucket {self._bucket}"):
                if error_code(error) != "NoSuchKey":
                    raise
            return None


def make_archive(
    settings: Settings, store: ObjectStore, each: ParallelMap = map
) -> BatchArchive | OrderArchive:
    """The archive in the configured layout."""
    return OrderArchive(store, each) if settings.layout == "order" else BatchArchive(store, each)


def lifecycle(client: Any, orders: OrderTable, settings: Settings) -> Lifecycle:
    """What applies events to orders, by the transitions of this process's order model."""
    events = EventTable(client, settings.events_table, orders)
    return Lifecycle(orders, events, order_model().TRANSITIONS)


@cache
def services() -> Services:
    """The services of this process, from its environment. Raises InputError for invalid settings."""
    settings = from_environment(os.environ)
    use_model_of(os.environ)
    # Imported now, and not with the first record.
    order_model()
    store = S3Store(S3Client(MOST_THREADS), settings.bucket)
    each = ThreadPoolExecutor(threads_for(settings.memory_mb), thread_name_prefix="calls").map
    dynamodb = DynamoClient(MOST_THREADS)
    table = OrderTable(dynamodb, settings.table, each=each)
    events = lifecycle(dynamodb, table, settings)
    # Everything loaded by now is permanent: the garbage collector need not scan it in the middle of a batch.
    gc.freeze()
    # What a batch allocates has no cycles and is freed without the collector, which by default would scan a
    # large batch dozens of times.
    gc.set_threshold(_ALLOCATIONS_BETWEEN_COLLECTIONS)
    return Services(settings, make_archive(settings, store, each), table, events, QuarantineWriter(store))
