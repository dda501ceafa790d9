"""A stream that keeps what is put on it."""

from __future__ import annotations

from concurrent.futures import Future

from orderstream.client import RecordMetadata
from orderstream.client.serialization import default_partition_key, ensure_order_id


class Stream:
    """Takes what is put on it, and says at once that it has it."""

    def __init__(self) -> None:
        self.records: list[bytes] = []

    def send_bytes(self, data: bytes, *, partition_key: str) -> Future[RecordMetadata]:
        self.records.append(data)
        sent: Future[RecordMetadata] = Future()
        sent.set_result(RecordMetadata(None, "shardId-000000000000", str(len(self.records)), 1))
        return sent

    def send_json(self, raw: bytes) -> Future[RecordMetadata]:
        data, _, customer_id = ensure_order_id(raw)
        return self.send_bytes(data, partition_key=default_partition_key(customer_id))

    def flush(self) -> None:
        pass
