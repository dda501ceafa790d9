"""The two tables of the webhooks in memory: as much of DynamoDB as they use, conditions, indexes."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any, TypeVar

from orderstream.testing.fakes import client_error

T = TypeVar("T")
Item = dict[str, Any]

WEBHOOKS, DELIVERIES = "WebhookEndpoints", "WebhookDeliveries"
KEYS = {WEBHOOKS: ("WebhookID",), DELIVERIES: ("WebhookID", "DeliveryKey")}
INDEXES = {"ByDue": ("WebhookID", "Due"), "ByFailure": ("Failing", "QueuedAt")}


class KilledError(BaseException):
    """The process was killed: nothing after it happens."""


class Kill:
    """Kills the process at one of its calls, before or after the effect; never if `at` is None.

    Every later call fails too. `calls` counts them.
    """

    def __init__(self, at: int | None = None, *, after: bool = False) -> None:
        self.calls = 0
        self._at = at
        self._after = after
        self._lock = threading.Lock()

    def __call__(self, effect: Callable[[], T]) -> T:
        with self._lock:
            self.calls += 1
            number = self.calls
        if self._at is None or number < self._at:
            return effect()
        if number == self._at and self._after:
            effect()
        raise KilledError


class FakeTables:
    """DynamoDB with the tables WEBHOOKS and DELIVERIES. `kill` is asked at every call.

    `refuse` gives the error code for the key of an insert, None to execute it.
    """

    def __init__(self) -> None:
        self.items: dict[str, dict[tuple[str, ...], Item]] = {WEBHOOKS: {}, DELIVERIES: {}}
        self.kill = Kill()
        self.refuse: Callable[[str], str | None] = lambda key: None
        self.page = 1000
        self._lock = threading.Lock()

    def scan(self, TableName: str, ConsistentRead: bool) -> Item:
        assert ConsistentRead
        return self._do(lambda: {"Items": [dict(item) for item in self.items[TableName].values()]})

    def get_item(self, TableName: str, Key: Item, ConsistentRead: bool) -> Item:
        assert ConsistentRead

        def get() -> Item:
            found = self.items[TableName].get(_key(TableName, Key))
            return {"Item": dict(found)} if found else {}

        return self._do(get)

    def put_item(self, TableName: str, Item: Item) -> Item:
        def put() -> dict[str, Any]:
            self.items[TableName][_key(TableName, Item)] = Item
            return {}

        return self._do(put)

    def delete_item(self, TableName: str, Key: Item) -> Item:
        def delete() -> dict[str, Any]:
            self.items[TableName].pop(_key(TableName, Key), None)
            return {}

        return self._do(delete)

    def update_item(
        self,
        TableName: str,
        Key: Item,
        UpdateExpression: str,
        ConditionExpression: str,
        ExpressionAttributeValues: Item | None = None,
        ReturnValues: str = "NONE",
    ) -> Item:
        values = ExpressionAttributeValues or {}

        def update() -> Item:
            item = self.items[TableName].get(_key(TableName, Key), {})
            if not _holds(ConditionExpression, item, values):
                raise client_error("ConditionalCheckFailedException")
            sets, _, gone = UpdateExpression.partition("REMOVE ")
            for name, value in re.findall(r"(\w+) = (:\w+)", sets):
                item[name] = values[value]
            for name in filter(None, gone.split(", ")):
                item.pop(name, None)
            return {"Attributes": dict(item)}

        return self._do(update)

    def query(
        self,
        TableName: str,
        KeyConditionExpression: str,
        ExpressionAttributeValues: Item,
        IndexName: str = "",
        ConsistentRead: bool = False,
        Limit: int = 0,
        ProjectionExpression: str = "",
        ExclusiveStartKey: tuple[Any, ...] = (),
        **_: Any,
    ) -> Item:
        assert not (IndexName and ConsistentRead), "an index cannot be read consistently"

        def find() -> Item:
            names = INDEXES[IndexName] if IndexName else KEYS[TableName]
            found = [
                item
                for item in self.items[TableName].values()
                if all(name in item for name in names)
                and _holds(KeyConditionExpression, item, ExpressionAttributeValues)
            ]

            def place(item: Item) -> tuple[Any, ...]:
                return _plain(item[names[1]]), _key(TableName, item)

            found = sorted((item for item in found if place(item) > ExclusiveStartKey), key=place)
            page = [dict(item) for item in found[: Limit or self.page]]
            more = {"LastEvaluatedKey": place(page[-1])} if len(page) < len(found) else {}
            if ProjectionExpression:
                shown = ProjectionExpression.split(", ")
                page = [{name: item[name] for name in shown} for item in page]
            return {"Items": page, "Count": len(page), **more}

        return self._do(find)

    def batch_execute_statement(self, Statements: list[Any]) -> Item:
        assert len(Statements) <= 25

        def execute() -> Item:
            return {"Responses": [self._insert(one) for one in Statements]}

        return self._do(execute)

    def _insert(self, statement: Item) -> Item:
        found = re.fullmatch(r'INSERT INTO "(\w+)" VALUE \{(.*)\}', statement["Statement"])
        assert found
        item = dict(zip(re.findall(r"'(\w+)': \?", found[2]), statement["Parameters"], strict=True))
        key = _key(found[1], item)
        if code := self.refuse(key[-1]):
            return {"Error": {"Code": code, "Message": f"{code}!"}}
        if key in self.items[found[1]]:
            return {"Error": {"Code": "DuplicateItem", "Message": "there"}}
        self.items[found[1]][key] = item
        return {}

    def _do(self, effect: Callable[[], T]) -> T:
        def locked() -> T:
            with self._lock:
                return effect()

        return self.kill(locked)


def _key(table: str, item: Item) -> tuple[str, ...]:
    return tuple(item[name]["S"] for name in KEYS[table])


def _plain(value: Item) -> Any:
    ((kind, content),) = value.items()
    return Decimal(content) if kind == "N" else content


def _holds(expression: str, item: Item, values: Item) -> bool:
    """Whether a condition holds. One on an attribute that is not there does not, as in DynamoDB."""
    alternatives = re.sub(r"[()]", " ", _functions(expression, item, values))
    # Every OR of these conditions is in brackets, between two ANDs.
    return all(
        any(_compares(part.strip(), item, values) for part in clause.split(" OR "))
        for clause in alternatives.split(" AND ")
    )


def _functions(expression: str, item: Item, values: Item) -> str:
    """The expression with each function replaced by true or false."""

    def result(found: re.Match[str]) -> str:
        name, attribute, value = found[1], found[2], found[3]
        if name == "begins_with":
            return str(str(_plain(item[attribute])).startswith(values[value]["S"]))
        return str((attribute in item) == (name == "attribute_exists"))

    functions = r"(attribute_exists|attribute_not_exists|begins_with)\((\w+)(?:, (:\w+))?\)"
    return re.sub(functions, result, expression)


def _compares(text: str, item: Item, values: Item) -> bool:
    if text in ("True", "False"):
        return text == "True"
    name, operator, value = text.split()
    if name not in item:
        return False
    left, right = _plain(item[name]), _plain(values[value])
    return bool(left <= right) if operator == "<=" else left == right


def rows(tables: FakeTables) -> Iterator[Item]:
    """The rows of the table of deliveries, as plain values."""
    for item in tables.items[DELIVERIES].values():
        yield {name: _plain(value) for name, value in item.items()}
