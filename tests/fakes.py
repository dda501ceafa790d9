"""Hand-written stand-ins for AWS in unit tests."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from botocore.exceptions import ClientError

# Decides the fate of a statement: an error code, or None to carry it out. Gets the OrderID.
Fault = Callable[[str], str | None]


class FakeDynamo:
    """DynamoDB as the pipeline uses it: PartiQL inserts in batches of 25, and batch reads."""

    def __init__(self, fault: Fault = lambda order_id: None) -> None:
        self.items: dict[str, dict[str, Any]] = {}
        self.fault = fault
        self.statements: list[list[str]] = []
        self.failing_calls: Iterator[Exception] = iter(())
        self.keys_per_answer = 100

    def batch_execute_statement(self, Statements: list[dict[str, Any]]) -> dict[str, Any]:
        self._fail_if_told_to()
        assert 1 <= len(Statements) <= 25
        responses = []
        sent = []
        for statement in Statements:
            names = re.findall(r"'(\w+)': \?", statement["Statement"])
            item = dict(zip(names, statement["Parameters"], strict=True))
            order_id = item["OrderID"]["S"]
            sent.append(order_id)
            code = self.fault(order_id)
            if code is None and order_id in self.items:
                code = "DuplicateItem"
            if code is None:
                self.items[order_id] = item
            responses.append({"Error": {"Code": code, "Message": f"{code}!"}} if code else {})
        self.statements.append(sent)
        return {"Responses": responses}

    def batch_get_item(self, RequestItems: dict[str, Any]) -> dict[str, Any]:
        self._fail_if_told_to()
        ((table, request),) = RequestItems.items()
        assert 1 <= len(request["Keys"]) <= 100
        assert request["ConsistentRead"]
        names = request["ProjectionExpression"].split(", ")
        now, later = request["Keys"][: self.keys_per_answer], request["Keys"][self.keys_per_answer :]
        found = [self.items[key["OrderID"]["S"]] for key in now if key["OrderID"]["S"] in self.items]
        return {
            "Responses": {table: [{name: item[name] for name in names if name in item} for item in found]},
            "UnprocessedKeys": {table: {**request, "Keys": later}} if later else {},
        }

    def _fail_if_told_to(self) -> None:
        for error in self.failing_calls:
            raise error


def client_error(code: str, status: int = 400) -> ClientError:
    """An error answer to a whole call, as botocore raises it."""
    answer = {"Error": {"Code": code, "Message": "no"}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(answer, "Call")  # type: ignore[arg-type]


class FakeStore:
    """S3 as the pipeline uses it."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}

    def put(self, key: str, body: bytes) -> None:
        self.objects[key] = body

    def put_new(self, key: str, body: bytes) -> bytes | None:
        return self.objects.get(key) or self.objects.update({key: body})
