"""The outcome of a batch: how many records had each outcome, and what is logged of them."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from orderstream.domain.currencies import TEST_CURRENCY
from orderstream.domain.fields import exact_sum

_NOTHING = Decimal(0)


class BatchResult(msgspec.Struct):
    """The outcome of a batch: counts of records, and the milliseconds from arrival to stored.

    Each record has one outcome: `received` is the sum of `stored`, `events`, `duplicates`, `conflicts`,
    `invalid` and `failed_records`. `events` are the new events in the life of orders; of these, `waiting`
    wait for their order. `forbidden` is how many more events than before have no effect because they are
    forbidden. `failed` has the sequence numbers to be redelivered (the records of an aggregate share one),
    and `problems` the reasons. `revenue` is the exact sum of the stored amounts by currency, without the test
    currency. `objects` are the keys under which the batch was archived (none with one object per order);
    `archived_bytes` is the number of bytes written to the archive.
    """

    received: int = 0
    stored: int = 0
    events: int = 0
    duplicates: int = 0
    conflicts: int = 0
    invalid: int = 0
    failed_records: int = 0
    waiting: int = 0
    forbidden: int = 0
    failed: list[str] = []
    latencies: list[int] = []
    revenue: dict[str, Decimal] = {}
    problems: list[str] = []
    objects: list[str] = []
    archived_bytes: int = 0

    def add(self, other: BatchResult) -> None:
        """Add the outcome of further records of the batch."""
        self.received += other.received
        self.stored += other.stored
        self.events += other.events
        self.duplicates += other.duplicates
        self.conflicts += other.conflicts
        self.invalid += other.invalid
        self.failed_records += other.failed_records
        self.waiting += other.waiting
        self.forbidden += other.forbidden
        self.failed += other.failed
        self.latencies += other.latencies
        for currency, amount in other.revenue.items():
            self.add_revenue(currency, amount)
        self.problems += other.problems
        self.objects += other.objects
        self.archived_bytes += other.archived_bytes

    def add_revenue(self, currency: str, amount: Decimal) -> None:
        """Count the amount of a stored order, unless it is a test."""
        if currency != TEST_CURRENCY:
            self.revenue[currency] = exact_sum(self.revenue.get(currency, _NOTHING), amount)

    def fail(self, sequence_number: str, problem: str) -> None:
        """Count a record that must be redelivered, and say why."""
        self.failed.append(sequence_number)
        self.failed_records += 1
        if problem not in self.problems:
            self.problems.append(problem)
