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
    """DynamoDB as the pipeline uses it: PartiQL inserts in batches of 25, and batch reads.

    `items` are in DynamoDB JSON, by OrderID. `fault` decides about each statement; `failing_calls` are raised
    one by one, in place of whole calls. `statements` lists the order ids of each batch that was executed.
    """

    def __init__(
        self, fault: Fault = lambda order_id: None, *, table: str = "Orders", around: Around = at_once
    ) -> None:
        self.items: dict[str, Item] = {}
        self.fault = fault
        self.statements: list[list[str]] = []
        self.failing_calls: Iterator[Exception] = iter(())
        self.keys_per_answer = 100
        self._table = table
        self._around = around

    def batch_execute_statement(self, Statements: list[dict[str, Any]]) -> dict[str, Any]:
        self._fail_if_told_to()
        _check_length(Statements, "statements", 25)
        return self._around("batch_execute_statement", lambda: self._execute(Statements))

    def batch_get_item(self, RequestItems: dict[str, Any]) -> dict[str, Any]:
        self._fail_if_told_to()
        ((table, request),) = RequestItems.items()
        _check_length(request["Keys"], "keys", 100)
        if table != self._table:
            raise client_error("ResourceNotFoundException", message=f"no table {table}")
        if len({key["OrderID"]["S"] for key in request["Keys"]}) < len(request["Keys"]):
            raise client_error("ValidationException", message="a key twice")
        return self._around("batch_get_item", lambda: self._get(request))

    def code_of(self, item: Item) -> str | None:
        """The error code that an insert of `item` gets; None if it is executed."""
        order_id: str = item["OrderID"]["S"]
        if not order_id:
            return "ValidationError"
        return self.fault(order_id) or ("DuplicateItem" if order_id in self.items else None)

    def _execute(self, statements: list[dict[str, Any]]) -> dict[str, Any]:
        responses = []
        sent = []
        for statement in statements:
            table, item = _read_insert(statement)
            sent.append(item["OrderID"]["S"])
            code = self.code_of(item) if table == self._table else "ResourceNotFound"
            if code is None:
                self.items[item["OrderID"]["S"]] = item
            responses.append({"Error": {"Code": code, "Message": f"{code}!"}} if code else {})
        self.statements.append(sent)
        return {"Responses": responses}

    def _get(self, request: dict[str, Any]) -> dict[str, Any]:
        assert request["ConsistentRead"], "a read must see the writes before it"
        names = request["ProjectionExpression"].split(", ")
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


def _read_insert(statement: dict[str, Any]) -> tuple[str, Item]:
    found = re.fullmatch(r'INSERT INTO "([\w-]+)" VALUE \{(.*)\}', statement["Statement"])
    assert found, "FakeDynamo executes the pipeline's INSERT statement only"
    names = re.findall(r"'(\w+)': \?", found[2])
    return found[1], dict(zip(names, statement["Parameters"], strict=True))


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
