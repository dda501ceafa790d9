"""A hand-written Kinesis: one stream that refuses, fails and loses answers as it is told."""

from __future__ import annotations

import hashlib
import itertools
import threading
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, cast

from botocore.exceptions import ClientError, ReadTimeoutError

from orderstream.client import OrderProducer

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient

MIB = 1024 * 1024
THROTTLED = "ProvisionedThroughputExceededException"


def api_error(code: str, status: int = 400) -> ClientError:
    return ClientError(
        {
            "Error": {"Code": code, "Message": f"said\nKinesis: {code}"},
            "ResponseMetadata": {
                "HTTPStatusCode": status,
                "RequestId": "",
                "HostId": "",
                "HTTPHeaders": {},
                "RetryAttempts": 0,
            },
        },
        "PutRecords",
    )


class AnswerLost:
    """The call arrives, its answer does not."""


# What becomes of one call: all is well, it is refused, its answer is lost, or some records are refused
# (the error code for the n-th record, or None).
Verdict = Exception | AnswerLost | Callable[[int], str | None] | None


class FakeKinesis:
    """One stream: shards by ranges of the key's MD5, PutRecords with its limits and its partial failures."""

    def __init__(self, verdicts: Iterable[Verdict] = (), *, is_open: bool = True) -> None:
        self.shards: list[list[tuple[str, bytes]]] = [[] for _ in range(4)]
        self.calls: list[list[str]] = []
        # While it is not set, a call waits.
        self.open = threading.Event()
        if is_open:
            self.open.set()
        self.called = threading.Event()
        self.verdicts = iter(verdicts)
        self._sequence = itertools.count(49_000_000)

    def put_records(self, *, StreamName: str, Records: list[dict[str, Any]]) -> dict[str, Any]:
        assert 1 <= len(Records) <= 500
        assert sum(len(r["Data"]) + len(r["PartitionKey"].encode()) for r in Records) <= 10 * MIB
        assert all(1 <= len(r["PartitionKey"]) <= 256 for r in Records)
        self.calls.append([r["PartitionKey"] for r in Records])
        self.called.set()
        assert self.open.wait(30)
        verdict = next(self.verdicts, None)
        if isinstance(verdict, Exception):
            raise verdict
        results: dict[int, dict[str, str]] = {}
        # Backwards, because Kinesis promises no order between the records of a call.
        for index in reversed(range(len(Records))):
            code = verdict(index) if callable(verdict) else None
            if code:
                results[index] = {"ErrorCode": code, "ErrorMessage": f"{code}\nfor the shard"}
            else:
                results[index] = self._store(Records[index]["PartitionKey"], Records[index]["Data"])
        if isinstance(verdict, AnswerLost):
            raise ReadTimeoutError(endpoint_url="https://kinesis")
        return {
            "FailedRecordCount": sum("ErrorCode" in result for result in results.values()),
            "Records": [results[index] for index in range(len(Records))],
        }

    def shard_of(self, key: str) -> int:
        return int(hashlib.md5(key.encode()).hexdigest(), 16) * len(self.shards) >> 128

    def _store(self, key: str, data: bytes) -> dict[str, str]:
        shard = self.shard_of(key)
        self.shards[shard].append((key, data))
        return {"ShardId": f"shardId-{shard:012d}", "SequenceNumber": str(next(self._sequence))}

    @property
    def stored(self) -> list[bytes]:
        return [data for shard in self.shards for _, data in shard]

    def of_key(self, key: str) -> list[bytes]:
        return [data for shard in self.shards for its_key, data in shard if its_key == key]


def refuse(*indexes: int, code: str = THROTTLED) -> Callable[[int], str | None]:
    return lambda index: code if index in indexes else None


class FakeTime:
    """Passes only when the producer waits for a retry, and then at once."""

    def __init__(self) -> None:
        self.now = 0.0

    def clock(self) -> float:
        return self.now

    def sleep(self, condition: threading.Condition, seconds: float) -> None:
        self.now += seconds


def producer_of(kinesis: object, time: FakeTime | None = None, **options: Any) -> OrderProducer:
    time = time or FakeTime()
    return OrderProducer(
        "OrderStream", cast("KinesisClient", kinesis), clock=time.clock, sleep=time.sleep, **options
    )


def refuse_all(index: int) -> str:
    return THROTTLED
