"""Hand-written stand-ins for AWS in tests. tests/contract holds them to what the real services do."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, Protocol, TypeVar, cast

from botocore.exceptions import ClientError, ParamValidationError

from orderstream.aws.clients import AwsClients
from orderstream.aws.deployment import Deployment

T = TypeVar("T")

# Decides the fate of a statement: an error code, or None to carry it out. Gets the OrderID.
Fault = Callable[[str], str | None]

Item = dict[str, Any]


RESOURCES = {
    "StreamName": "S",
    "TableName": "Orders",
    "CustomerIndex": "ByCustomer",
    "ArchiveBucket": "archive",
    "DiscardedBucket": "discarded",
    "FunctionName": "F",
    "FunctionAlias": "live",
    "EventSourceMapping": "mapping",
}


def deployment_on(cloud: object) -> Deployment:
    """A deployment with RESOURCES, whose clients are `cloud`: any object with those that the test needs."""
    return Deployment(cast(AwsClients, cloud), "test", RESOURCES)


class Clock:
    """Time that passes only by waiting."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


class Around(Protocol):
    """Carries out the `effect` of a call of AWS; things may go wrong before it and after it."""

    def __call__(self, call: str, effect: Callable[[], T]) -> T: ...


def at_once(call: str, effect: Callable[[], T]) -> T:
    """An AWS with which nothing goes wrong."""
    return effect()


class FakeDynamo:
    """DynamoDB as the pipeline uses it: PartiQL inserts in batches of 25, and batch reads."""

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
        """The error code with which an insert of `item` is answered, None when it is carried out."""
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
        assert request["ConsistentRead"], "what was written a moment ago must be seen"
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
    assert found, "the one statement that is known here"
    names = re.findall(r"'(\w+)': \?", found[2])
    return found[1], dict(zip(names, statement["Parameters"], strict=True))


def _check_length(entries: list[Any], what: str, most: int) -> None:
    if not entries:
        # The one of both bounds that botocore knows: such a call is never made.
        raise ParamValidationError(report=f"no {what}")
    if len(entries) > most:
        raise client_error("ValidationException", message=f"at most {most} {what}, not {len(entries)}")


def client_error(code: str, status: int = 400, *, message: str = "no") -> ClientError:
    """An error answer to a whole call, as botocore raises it."""
    answer = {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(answer, "Call")  # type: ignore[arg-type]


class FakeStore:
    """S3 as the pipeline uses it."""

    def __init__(self, *, around: Around = at_once) -> None:
        self.objects: dict[str, bytes] = {}
        self._around = around

    def put_new(self, key: str, body: bytes) -> bool:
        def put_if_free() -> bool:
            is_free = key not in self.objects
            if is_free:
                self.objects[key] = body
            return is_free

        return self._around(f"put {key}", put_if_free)

    def get(self, key: str) -> bytes | None:
        return self._around(f"get {key}", lambda: self.objects.get(key))
