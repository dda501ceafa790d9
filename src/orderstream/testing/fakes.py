"""In-memory fakes of DynamoDB and S3, as far as the pipeline uses them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, Protocol, TypeVar

from botocore.exceptions import ClientError, ParamValidationError

T = TypeVar("T")

Item = dict[str, Any]

# Decides about a statement, by its OrderID: an error code, or None to execute it.
Fault = Callable[[str], str | None]


class Around(Protocol):
    """Executes the `effect` of a call to AWS; a failure may come before it or after it."""

    def __call__(self, call: str, effect: Callable[[], T]) -> T: ...


def at_once(call: str, effect: Callable[[], T]) -> T:
    """Executes every call, without failures."""
    return effect()


class FakeDynamo:
    """DynamoDB as the pipeline uses it: PartiQL inserts and updates in batches of 25, reads, and queries.

    `items` are in DynamoDB JSON, by OrderID; `events` by OrderID and Position. `fault` decides about each
    statement; `failing_calls` are raised one by one, in place of whole calls. `statements` lists the ids of
    orders in each batch that was executed.
    """

    def __init__(
        self,
        fault: Fault = lambda order_id: None,
        *,
        table: str = "Orders",
        events_table: str = "OrderEvents",
        around: Around = at_once,
    ) -> None:
        self.items: dict[str, Item] = {}
        self.events: dict[tuple[str, str], Item] = {}
        self.fault = fault
        self.statements: list[list[str]] = []
        self.failing_calls: Iterator[Exception] = iter(())
        self.keys_per_answer = 100
        self._table = table
        self._events_table = events_table
        self._around = around

    def batch_execute_statement(self, Statements: list[dict[str, Any]]) -> dict[str, Any]:
        self._fail_if_told_to()
        _check_length(Statements, "statements", 25)
        return self._around(_call_of(Statements), lambda: self._execute(Statements))

    def batch_get_item(self, RequestItems: dict[str, Any]) -> dict[str, Any]:
        self._fail_if_told_to()
        ((table, request),) = RequestItems.items()
        _check_length(request["Keys"], "keys", 100)
        if table != self._table:
            raise client_error("ResourceNotFoundException", message=f"no table {table}")
        if len({key["OrderID"]["S"] for key in request["Keys"]}) < len(request["Keys"]):
            raise client_error("ValidationException", message="a key twice")
        return self._around("batch_get_item", lambda: self._get(request))

    def query(
        self,
        TableName: str,
        KeyConditionExpression: str,
        ExpressionAttributeValues: dict[str, Any],
        ConsistentRead: bool,
    ) -> dict[str, Any]:
        self._fail_if_told_to()
        if TableName != self._events_table:
            raise client_error("ResourceNotFoundException", message=f"no table {TableName}")
        assert ConsistentRead, "a read must see the writes before it"
        assert KeyConditionExpression == "OrderID = :id", "FakeDynamo queries the events of one order only"
        order_id = ExpressionAttributeValues[":id"]["S"]

        def find() -> dict[str, Any]:
            return {"Items": [row for key, row in sorted(self.events.items()) if key[0] == order_id]}

        return self._around("query", find)

    def _execute(self, statements: list[dict[str, Any]]) -> dict[str, Any]:
        responses = []
        sent = []
        for statement in statements:
            table, order_id, change = self._read(statement)
            sent.append(order_id)
            code = self._code_of(table, order_id) or change()
            responses.append({"Error": {"Code": code, "Message": f"{code}!"}} if code else {})
        self.statements.append(sent)
        return {"Responses": responses}

    def _read(self, statement: dict[str, Any]) -> tuple[str, str, Callable[[], str | None]]:
        """The table and the OrderID of a statement of the pipeline, and what executes it."""
        text, parameters = statement["Statement"], statement["Parameters"]
        if found := re.fullmatch(r'INSERT INTO "([\w-]+)" VALUE \{(.*)\}', text):
            item = dict(zip(re.findall(r"'(\w+)': \?", found[2]), parameters, strict=True))
            return found[1], item["OrderID"]["S"], lambda: self._insert(item)
        found = re.fullmatch(r'UPDATE "([\w-]+)" ((?:SET "\w+"=\? ?|REMOVE "\w+" ?)+)WHERE (.*)', text)
        assert found, "FakeDynamo executes the pipeline's statements only"
        names = re.findall(r'SET "(\w+)"=\?', found[2])
        changed = dict(zip(names, parameters, strict=False))
        gone = re.findall(r'REMOVE "(\w+)"', found[2])
        where = re.fullmatch(r'"OrderID"=\? AND "(\w+)"(?:( IS MISSING)|=\?)', found[3])
        assert where, "FakeDynamo knows the pipeline's conditions only"
        order_id, *compared = parameters[len(names) :]
        condition = (where[1], None if where[2] else compared[0])
        return found[1], order_id["S"], lambda: self._update(order_id["S"], changed, gone, condition)

    def _insert(self, item: Item) -> str | None:
        """Insert an item; return an error code, or None if it was inserted."""
        order_id = item["OrderID"]["S"]
        items: dict[Any, Item] = self.events if "Position" in item else self.items
        key = (order_id, item["Position"]["S"]) if "Position" in item else order_id
        if key in items:
            return "DuplicateItem"
        items[key] = item
        return None

    def _update(
        self, order_id: str, changed: Item, gone: list[str], condition: tuple[str, dict[str, Any] | None]
    ) -> str | None:
        """Update an order of which an attribute has this value, or none; return an error code, or None."""
        item = self.items.get(order_id)
        if item is None or item.get(condition[0]) != condition[1]:
            return "ConditionalCheckFailed"
        kept = {name: value for name, value in item.items() if name not in gone}
        self.items[order_id] = kept | changed
        return None

    def _code_of(self, table: str, order_id: str) -> str | None:
        """The error code that a statement gets before it is executed, if any."""
        if table not in (self._table, self._events_table):
            return "ResourceNotFound"
        return self.fault(order_id) if order_id else "ValidationError"

    def _get(self, request: dict[str, Any]) -> dict[str, Any]:
        assert request["ConsistentRead"], "a read must see the writes before it"
        named = request.get("ExpressionAttributeNames", {})
        names = [named.get(name, name) for name in request["ProjectionExpression"].split(", ")]
        now, later = request["Keys"][: self.keys_per_answer], request["Keys"][self.keys_per_answer :]
        found = [self.items[key["OrderID"]["S"]] for key in now if key["OrderID"]["S"] in self.items]
        return {
            "Responses": {
                self._table: [{name: item[name] for name in names if name in item} for item in found]
            },
            "UnprocessedKeys": {self._table: {**request, "Keys": later}} if later else {},
        }

    def _fail_if_told_to(self) -> None:
        for error in self.failing_calls:
            raise error


def _call_of(statements: list[dict[str, Any]]) -> str:
    """What a call does: "insert", "insert events" or "update"."""
    text = statements[0]["Statement"]
    if text.startswith("UPDATE"):
        return "update"
    return "insert events" if "'Position'" in text else "insert"


def _check_length(entries: list[Any], what: str, most: int) -> None:
    if not entries:
        # botocore checks this bound itself, so the call is never made.
        raise ParamValidationError(report=f"no {what}")
    if len(entries) > most:
        raise client_error("ValidationException", message=f"at most {most} {what}, not {len(entries)}")


def client_error(code: str, status: int = 400, *, message: str = "no") -> ClientError:
    """The error of a whole call, as botocore raises it."""
    answer = {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(answer, "Call")  # type: ignore[arg-type]


class FakeStore:
    """S3 as the pipeline uses it: `objects` by key."""

    def __init__(self, *, around: Around = at_once) -> None:
        self.objects: dict[str, bytes] = {}
        self._around = around

    def put_new(self, key: str, body: bytes) -> bool:
        """Write an object unless the key exists; return whether it was written."""

        def put_if_free() -> bool:
            is_free = key not in self.objects
            if is_free:
                self.objects[key] = body
            return is_free

        return self._around(f"put {key}", put_if_free)

    def get(self, key: str) -> bytes | None:
        """The content of an object, or None if it does not exist."""
        return self._around(f"get {key}", lambda: self.objects.get(key))
