"""What became of every record: archive, quarantine and table, held against each other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any

from orderstream.ops.cloud import Cloud, cloud_errors
from orderstream.ops.stack import Stack
from orderstream.pipeline.lines import Line, read_lines


@dataclass(frozen=True)
class Accounts:
    """Counts of distinct records (events), and the events that are in the archive and nowhere else."""

    archived: int
    stored: int
    duplicates: int
    conflicts: int
    invalid: int
    unaccounted: tuple[str, ...]

    @property
    def quarantined(self) -> int:
        return self.conflicts + self.invalid


@dataclass
class Ledger:
    """Reads the archive of a stack piece by piece: each object once. For up to some 100,000 records."""

    cloud: Cloud
    stack: Stack
    _seen: set[tuple[str, str]] = field(default_factory=set)
    _order_of: dict[str, str | None] = field(default_factory=dict)
    _reason_of: dict[str, str] = field(default_factory=dict)

    def accounts(self) -> Accounts:
        """The state now. A record counts once, however often it was delivered."""
        self.archived()
        event_of = {item["OrderID"]["S"]: item["EventID"]["S"] for item in self._items()}
        fates: Counter[str] = Counter()
        unaccounted: list[str] = []
        for event, order_id in self._order_of.items():
            if event in self._reason_of:
                fates["conflict" if self._reason_of[event] == "conflict" else "invalid"] += 1
            elif order_id is None or order_id not in event_of:
                unaccounted.append(event)
            else:
                fates["stored" if event_of[order_id] == event else "duplicate"] += 1
        return Accounts(
            archived=len(self._order_of),
            stored=fates["stored"],
            duplicates=fates["duplicate"],
            conflicts=fates["conflict"],
            invalid=fates["invalid"],
            unaccounted=tuple(unaccounted),
        )

    def archived(self) -> int:
        """How many distinct records the archive holds now; cheap, as the table is not read."""
        # Quarantine first: what is archived meanwhile is looked at in the next round.
        for line in self.lines("quarantine/"):
            self._reason_of[line.event_id] = line.reasons[0]["code"]
        for line in self.lines("orders/"):
            self._order_of[line.event_id] = line.order_id
        return len(self._order_of)

    def lines(self, prefix: str) -> Iterator[Line]:
        """The lines under "orders/" or "quarantine/" that were not read before."""
        with cloud_errors(f"cannot read the archive {self.stack.bucket}"):
            pages = self.cloud.s3.get_paginator("list_objects_v2").paginate(
                Bucket=self.stack.bucket, Prefix=prefix
            )
            for page in pages:
                for entry in page.get("Contents", []):
                    version = (entry["Key"], entry["ETag"])
                    if version not in self._seen:
                        self._seen.add(version)
                        body = self.cloud.s3.get_object(Bucket=self.stack.bucket, Key=entry["Key"])["Body"]
                        yield from read_lines(entry["Key"], BytesIO(body.read()))

    def _items(self) -> Iterator[Any]:
        with cloud_errors(f"cannot read table {self.stack.table}"):
            pages = self.cloud.dynamodb.get_paginator("scan").paginate(
                TableName=self.stack.table, ProjectionExpression="OrderID, EventID", ConsistentRead=True
            )
            for page in pages:
                yield from page["Items"]
