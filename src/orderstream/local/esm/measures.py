"""Metrics that AWS would publish to CloudWatch for the stream and the mapping, reported by their threads.

Kinesis counts records on arrival. Here they are counted when read, in the minute of their arrival: records
not read yet are in no metric, and records read again after a restart are counted again.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence

from orderstream.aws.kinesis_event import EventRecord
from orderstream.aws.stack import consumer_of
from orderstream.local.esm.destination import Ending
from orderstream.local.esm.mapping import Mapping
from orderstream.local.esm.metrics import MetricSender, delivery_failure, iterator_age
from orderstream.local.esm.tally import MetricTally, Series, minute_of


class Measures:
    """The metrics of one mapping and its stream. All methods may be called from any thread."""

    def __init__(self, mapping: Mapping, sender: MetricSender) -> None:
        self._mapping = mapping
        self._sender = sender
        self._tally = MetricTally()
        self._stream = ("StreamName", mapping.stream_name)

    def read(self, shard_id: str, records: Sequence[EventRecord]) -> None:
        """Records of a shard were read."""
        came: dict[int, list[int]] = {}
        for record in records:
            came.setdefault(minute_of(record.arrived_at), []).append(record.size)
        for dimensions in ((self._stream,), (self._stream, ("ShardId", shard_id))):
            counted = Series("AWS/Kinesis", "IncomingRecords", dimensions, "Count")
            weighed = Series("AWS/Kinesis", "IncomingBytes", dimensions, "Bytes")
            for minute, sizes in came.items():
                self._tally.add(counted, len(sizes), minute)
                self._tally.add(weighed, sum(sizes), minute)
        self._count("PolledEventCount", len(records))

    def ages(self, seconds: Iterable[float], now: float) -> None:
        """Record the age of the oldest record that was read and is not done, for each shard being read.

        On AWS it is the age of a call's last record. Lambda reads no further than it delivers, so both
        measure how far the function is behind.
        """
        read = list(seconds)
        for age in read:
            self._tally.add(self._age, age * 1000, now)
        if read:
            # AWS publishes 0 while there are none.
            self._count("PolledEventCount", 0)

    def delivered(self, batch: Sequence[EventRecord], sent_at: float) -> None:
        """The function ran with `batch`, which was sent at that time."""
        self._sender.add([iterator_age(self._mapping.function_name, batch[-1].arrived_at, sent_at)])
        self._count("InvokedEventCount", len(batch))

    def failed(self, records: int) -> None:
        """Count records of a batch that will be retried or go to the destination."""
        self._count("FailedInvokeEventCount", records)

    def ended(self, ending: Ending, records: int) -> None:
        """Count discarded records."""
        # AWS counts records that reached no destination as dropped.
        delivered = ending == "delivered"
        self._count("OnFailureDestinationDeliveredEventCount" if delivered else "DroppedEventCount", records)
        if ending == "lost":
            self._sender.add([delivery_failure(self._mapping.function_name, time.time())])

    def send(self, *, everything: bool = False) -> None:
        """Send what is due, or everything."""
        self._sender.add(self._tally.take(time.time(), everything=everything))
        self._sender.send()

    @property
    def _age(self) -> Series:
        if consumer := consumer_of(self._mapping.consumer_arn):
            by = (self._stream, ("ConsumerName", consumer))
            return Series("AWS/Kinesis", "SubscribeToShardEvent.MillisBehindLatest", by, "Milliseconds")
        return Series("AWS/Kinesis", "GetRecords.IteratorAgeMilliseconds", (self._stream,), "Milliseconds")

    def _count(self, name: str, records: int) -> None:
        if self._mapping.counts_events:
            of_mapping = (("EventSourceMappingUUID", self._mapping.id),)
            self._tally.add(Series("AWS/Lambda", name, of_mapping, "Count"), records, time.time())
