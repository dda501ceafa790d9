"""A delivery, and its row in the table WebhookDeliveries.

A row that is done has no body, and stays for three days: if the feed repeats the announcement, it is not sent
again.
"""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec

from orderstream.webhooks.registry import number

# How long rows stay that are done, and dead letters: the table deletes them afterwards. What is still pending
# then, because its webhook is switched off, counts as a dead letter too.
DONE_SECONDS = 3 * 24 * 3600
DEAD_SECONDS = 30 * 24 * 3600
PENDING_SECONDS = DONE_SECONDS + DEAD_SECONDS
_OF_PENDING = ("Due", "Body", "EventID", "Attempts", "QueuedAt", "Failing", "LastError")

Row = dict[str, Any]


class Delivery(msgspec.Struct, frozen=True):
    """An announcement for a webhook. `sequence_number` is that of its record in the stream of changes.

    `queued_at` and `due` are in seconds since the epoch, `attempts` those that failed.
    """

    webhook_id: str
    order_id: str
    version: int
    event_id: str
    body: bytes
    sequence_number: str
    queued_at: float
    due: float
    attempts: int = 0

    @property
    def key(self) -> str:
        """The sort key: the order, the version, and a hash of the content.

        After its erasure an order can begin anew with version 1, which has other content.
        """
        content = hashlib.blake2b(self.body, digest_size=6).hexdigest()
        return f"{self.order_id}/{self.version:010d}-{content}"


def order_of(delivery_key: str) -> str:
    """The order that a sort key names."""
    return delivery_key.rpartition("/")[0]


def to_done(now: float) -> tuple[str, Row]:
    """The update expression, and its values, that make a row one that is done."""
    expression = f"SET ExpiresAt = :expires REMOVE {', '.join(_OF_PENDING)}"
    return expression, {":expires": int(now + DONE_SECONDS)}


def row_of(delivery: Delivery) -> Row:
    """The row of a pending delivery."""
    return _identity(delivery) | {
        "EventID": delivery.event_id,
        "Body": delivery.body.decode(),
        "Attempts": delivery.attempts,
        "QueuedAt": number(delivery.queued_at),
        "Due": number(delivery.due),
        "ExpiresAt": int(delivery.queued_at + PENDING_SECONDS),
    }


def done_mark(delivery: Delivery) -> Row:
    """The row of a delivery that is not needed, so that it is not queued if it is announced again."""
    return _identity(delivery) | {"ExpiresAt": int(delivery.queued_at + DONE_SECONDS)}


def _identity(delivery: Delivery) -> Row:
    return {
        "WebhookID": delivery.webhook_id,
        "DeliveryKey": delivery.key,
        "SequenceNumber": delivery.sequence_number,
    }


def delivery_of(row: Row) -> Delivery:
    """The delivery in a pending row."""
    order_id, _, version = row["DeliveryKey"].rpartition("/")
    return Delivery(
        webhook_id=row["WebhookID"],
        order_id=order_id,
        version=int(version.partition("-")[0]),
        event_id=row["EventID"],
        body=row["Body"].encode(),
        sequence_number=row["SequenceNumber"],
        queued_at=float(row["QueuedAt"]),
        due=float(row["Due"]),
        attempts=int(row["Attempts"]),
    )
