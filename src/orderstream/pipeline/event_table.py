"""The table OrderEvents: stores each event once, and reads the events of an order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from orderstream.pipeline.attributes import attribute_value, plain_value
from orderstream.pipeline.dynamo import CallFailedError, execute
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

    def read_each(self, order_ids: Iterable[str]) -> Iterator[tuple[str, list[Row] | CallFailedError]]:
        """Each order with its events, or with why they could not be read."""

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
