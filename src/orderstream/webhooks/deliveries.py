"""The table WebhookDeliveries: what each webhook has to get, by order, and when.

A row is pending (it has `Due`), a dead letter, or done. The sparse index ByDue has the pending rows, and
ByFailure those that failed and the dead letters.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from botocore.exceptions import ClientError

from orderstream.pipeline.attributes import attribute_value, plain_value
from orderstream.pipeline.concurrency import ParallelMap
from orderstream.pipeline.statements import Executed, Statements
from orderstream.pipeline.table import inserts, sizes_of
from orderstream.sdk.errors import error_code, translate_errors
from orderstream.webhooks.delivery import (
    DEAD_SECONDS,
    PENDING_SECONDS,
    Delivery,
    Row,
    delivery_of,
    done_mark,
    order_of,
    row_of,
    to_done,
)
from orderstream.webhooks.registry import number

BY_DUE, BY_FAILURE = "ByDue", "ByFailure"
_DEAD = "#dead"
_REFUSED = "ConditionalCheckFailedException"


class Deliveries:
    """The table WebhookDeliveries; `client` is a botocore client, `each` how many inserts run at a time.

    Raises CloudError.
    """

    def __init__(self, client: Any, table: str, *, each: ParallelMap = map) -> None:
        self._client = client
        self._table = table
        self._statements = Statements(client, table, each=each)

    def insert(
        self, deliveries: Sequence[Delivery], done: Sequence[bool], seconds_left: Callable[[], float]
    ) -> list[Executed]:
        """Insert deliveries with distinct keys; return what became of each. EXISTS: it was queued before.

        Those that are `done` are only noted as such.
        """
        rows = [done_mark(one) if void else row_of(one) for one, void in zip(deliveries, done, strict=True)]
        return self._statements.execute(inserts(self._table, rows), sizes_of(rows), seconds_left)

    def due(self, webhook_id: str, now: float, limit: int) -> list[str]:
        """Orders of which a row of this webhook is due, the earliest first. The index can be behind."""
        answer = self._query(
            IndexName=BY_DUE,
            KeyConditionExpression="WebhookID = :id AND Due <= :now",
            ExpressionAttributeValues=_values({":id": webhook_id, ":now": number(now)}),
            Limit=limit,
        )
        return list(dict.fromkeys(order_of(item["DeliveryKey"]["S"]) for item in answer["Items"]))

    def next_due(self, webhook_id: str) -> float | None:
        """When the next delivery is due, in seconds since the epoch; None if none is pending."""
        return self._first(BY_DUE, webhook_id, "Due")

    def pending(self, webhook_id: str, order_id: str) -> list[Delivery]:
        """The pending deliveries of an order, in the order in which they were announced."""
        rows = (row for row in self._rows_of(webhook_id, order_id) if "Due" in row)
        return sorted(map(delivery_of, rows), key=lambda one: int(one.sequence_number))

    def done(self, delivery: Delivery, now: float) -> None:
        """Note that a delivery succeeded."""
        self._update(_key(delivery.webhook_id, delivery.key), *to_done(now))

    def failed(self, delivery: Delivery, due: float, error: str) -> None:
        """Note that a delivery failed, and when it is due again."""
        self._update(
            _key(delivery.webhook_id, delivery.key),
            "SET Due = :due, Attempts = :attempts, LastError = :error, Failing = :id",
            {
                ":due": number(due),
                ":attempts": delivery.attempts + 1,
                ":error": error,
                ":id": delivery.webhook_id,
            },
        )

    def postpone(self, delivery: Delivery, due: float) -> None:
        """Make a delivery due when the one of the same order before it is."""
        key = _key(delivery.webhook_id, delivery.key)
        self._update(key, "SET Due = :due", {":due": number(due)})

    def bury(self, delivery: Delivery, now: float, error: str) -> None:
        """Make a delivery a dead letter."""
        self._update(
            _key(delivery.webhook_id, delivery.key),
            "SET Failing = :dead, LastError = :error, Attempts = :attempts, ExpiresAt = :expires REMOVE Due",
            {
                ":dead": delivery.webhook_id + _DEAD,
                ":error": error,
                ":attempts": delivery.attempts + 1,
                ":expires": int(now + DEAD_SECONDS),
            },
        )

    def erase(self, webhook_id: str, order_id: str, before: str, now: float) -> None:
        """Remove the content of an order's rows that were announced before this sequence number."""
        for row in self._rows_of(webhook_id, order_id):
            if "Body" in row and int(row["SequenceNumber"]) < int(before):
                # Dead letters have no Due.
                self._update(_key(webhook_id, row["DeliveryKey"]), *to_done(now), "attribute_exists(Body)")

    def oldest(self, webhook_id: str) -> float | None:
        """When the oldest pending delivery was queued, in seconds since the epoch; None if there is none."""
        # What never failed is due since it was queued, and what failed is in the other index.
        first = self.next_due(webhook_id)
        failing = self._first(BY_FAILURE, webhook_id, "QueuedAt")
        return min((one for one in (first, failing) if one is not None), default=None)

    def counts(self, webhook_id: str) -> tuple[int, int]:
        """How many deliveries are pending, and how many are dead letters."""
        return self._count(BY_DUE, "WebhookID", webhook_id), self._count(
            BY_FAILURE, "Failing", webhook_id + _DEAD
        )

    def redrive(self, webhook_id: str, now: float, order_id: str | None = None) -> Iterator[None]:
        """Make dead letters, and what waits for a retry, due now, as if queued now; yield for each."""
        listed = [row for key in (webhook_id, webhook_id + _DEAD) for row in self._failing(key)]
        for row in listed:
            if order_id in (None, order_of(row["DeliveryKey"]["S"])):
                self._update(
                    {name: row[name] for name in ("WebhookID", "DeliveryKey")},
                    "SET Due = :now, QueuedAt = :now, Attempts = :none, ExpiresAt = :expires"
                    " REMOVE Failing, LastError",
                    {":now": number(now), ":none": 0, ":expires": int(now + PENDING_SECONDS)},
                    "attribute_exists(Body)",
                )
                yield

    def remove_all(self, webhook_id: str) -> Iterator[None]:
        """Delete all rows of a webhook; yield for each."""
        for key in self._pages(
            KeyConditionExpression="WebhookID = :id",
            ExpressionAttributeValues=_values({":id": webhook_id}),
            ProjectionExpression="WebhookID, DeliveryKey",
        ):
            with translate_errors(f"table {self._table}"):
                self._client.delete_item(TableName=self._table, Key=key)
            yield

    def _rows_of(self, webhook_id: str, order_id: str) -> Iterator[Row]:
        for item in self._pages(
            KeyConditionExpression="WebhookID = :id AND begins_with(DeliveryKey, :order)",
            ExpressionAttributeValues=_values({":id": webhook_id, ":order": f"{order_id}/"}),
            ConsistentRead=True,
        ):
            # The id of another order can begin with this one and a slash.
            if order_of(item["DeliveryKey"]["S"]) == order_id:
                yield plain_value({"M": item})

    def _failing(self, key: str) -> Iterator[Any]:
        return self._pages(
            IndexName=BY_FAILURE,
            KeyConditionExpression="Failing = :key",
            ExpressionAttributeValues=_values({":key": key}),
        )

    def _pages(self, **given: Any) -> Iterator[Any]:
        start: dict[str, Any] = {}
        while True:
            answer = self._query(**given, **start)
            yield from answer["Items"]
            if not answer.get("LastEvaluatedKey"):
                return
            start = {"ExclusiveStartKey": answer["LastEvaluatedKey"]}

    def _first(self, index: str, webhook_id: str, sorted_by: str) -> float | None:
        answer = self._query(
            IndexName=index,
            KeyConditionExpression=f"{'WebhookID' if index == BY_DUE else 'Failing'} = :id",
            ExpressionAttributeValues=_values({":id": webhook_id}),
            Limit=1,
        )
        return next((float(item[sorted_by]["N"]) for item in answer["Items"]), None)

    def _count(self, index: str, name: str, key: str) -> int:
        counted = 0
        start: dict[str, Any] = {}
        while True:
            answer = self._query(
                IndexName=index,
                KeyConditionExpression=f"{name} = :key",
                ExpressionAttributeValues=_values({":key": key}),
                Select="COUNT",
                **start,
            )
            counted += int(answer["Count"])
            if not answer.get("LastEvaluatedKey"):
                return counted
            start = {"ExclusiveStartKey": answer["LastEvaluatedKey"]}

    def _query(self, **given: Any) -> Any:
        with translate_errors(f"table {self._table}"):
            return self._client.query(TableName=self._table, **given)

    def _update(
        self, key: Any, expression: str, values: Row, condition: str = "attribute_exists(Due)"
    ) -> None:
        """Update a row, unless it is no longer what it was: an erasure may come in between."""
        with translate_errors(f"table {self._table}"):
            try:
                self._client.update_item(
                    TableName=self._table,
                    Key=key,
                    UpdateExpression=expression,
                    ConditionExpression=condition,
                    ExpressionAttributeValues=_values(values),
                )
            except ClientError as error:
                if error_code(error) != _REFUSED:
                    raise


def _key(webhook_id: str, delivery_key: str) -> Row:
    return _values({"WebhookID": webhook_id, "DeliveryKey": delivery_key})


def _values(values: Row) -> Row:
    return {name: attribute_value(value) for name, value in values.items()}
