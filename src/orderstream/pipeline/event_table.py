"""The table OrderEvents: stores each event once, and reads the events of an order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from orderstream.pipeline.attributes import attribute_value, plain_value
from orderstream.pipeline.dynamo import MAX_CONSECUTIVE_FAILURES, CallFailedError, execute
from orderstream.pipeline.statements import Executed
from orderstream.pipeline.table import OrderTable, inserts, sizes_of

Row = dict[str, Any]


class EventTable:
    """The DynamoDB table of events, of which the key is OrderID and Position.

    It shares the client of the table of orders, and how its calls are repeated.
    """

    def __init__(self, client: Any, name: str, orders: OrderTable) -> None:
        self._client = client
        self._name = name
        self.each = orders.each
        self._statements = orders.statements.on(name)

    def insert(self, rows: Sequence[Row], seconds_left: Callable[[], float]) -> list[Executed]:
        """Insert events with distinct keys; return what became of each, in order. EXISTS: it is there.

        Raises CloudError if the table cannot be used at all.
        """
        return self._statements.execute(inserts(self._name, rows), sizes_of(rows), seconds_left)

    def read(self, order_id: str) -> list[Row]:
        """All events of an order. Raises CallFailedError for a transient error, CloudError for others."""
        rows: list[Row] = []
        start: dict[str, Any] = {}
        while True:
            answer = self._query(order_id, **start)
            rows += [plain_value({"M": item}) for item in answer["Items"]]
            if not answer.get("LastEvaluatedKey"):
                return rows
            start = {"ExclusiveStartKey": answer["LastEvaluatedKey"]}

    def read_each(
        self, order_ids: Iterable[str], seconds_left: Callable[[], float]
    ) -> Iterator[tuple[str, list[Row] | CallFailedError]]:
        """Each order with its events, or with why they could not be read in the time left."""
        unread = list(order_ids)
        failures = 0
        while unread:
            failed: dict[str, CallFailedError] = {}
            for order_id, rows in self._read_once(unread):
                if isinstance(rows, CallFailedError):
                    failed[order_id] = rows
                else:
                    yield order_id, rows
            failures = failures + 1 if len(failed) == len(unread) else 1
            pause = self._statements.pause(failures)
            unreachable = any(failure.unreachable for failure in failed.values())
            if unreachable or failures >= MAX_CONSECUTIVE_FAILURES or pause >= seconds_left():
                yield from failed.items()
                return
            if failed:
                self._statements.sleep(pause)
            unread = list(failed)

    def _read_once(self, order_ids: Iterable[str]) -> Iterator[tuple[str, list[Row] | CallFailedError]]:
        def read(order_id: str) -> tuple[str, list[Row] | CallFailedError]:
            try:
                return order_id, self.read(order_id)
            except CallFailedError as failure:
                return order_id, failure

        yield from self.each(read, order_ids)

    def _query(self, order_id: str, **more: Any) -> Any:
        return execute(
            self._client,
            self._name,
            "query",
            TableName=self._name,
            KeyConditionExpression="OrderID = :id",
            ExpressionAttributeValues={":id": attribute_value(order_id)},
            ConsistentRead=True,
            **more,
        )
