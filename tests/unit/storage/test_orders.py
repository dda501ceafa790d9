"""A page of a customer's orders: to ask for one that there cannot be is no failure of the table."""

from __future__ import annotations

import asyncio
import base64
import json
from datetime import UTC, datetime
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from orderstream.api.app import make_app
from orderstream.api.services import ApiServices
from orderstream.aws.clients import AwsClients
from orderstream.aws.deployment import Deployment
from orderstream.errors import CloudError, InputError
from orderstream.storage.orders import IndexKey, get_orders, page_of_orders
from orderstream.testing.fakes import client_error
from tests.fakes import deployment_on

BEGIN = {"OrderID": "A-1", "OrderDate": "2026-11-22T00:00:00.000000Z"}


KEY = IndexKey("ByCustomer", "CustomerID", "c")


class Refusing:
    """DynamoDB, which refuses every query, as it does one that begins where none of its orders is."""

    def __init__(self, code: str) -> None:
        self._code = code
        self.asked: list[dict[str, Any]] = []

    def query(self, **request: Any) -> dict[str, Any]:
        self.asked.append(request)
        raise client_error(self._code, message="The provided starting key is outside query boundaries")


def deployment_of(table: Refusing) -> Deployment:
    return deployment_on(SimpleNamespace(dynamodb=table, now=AwsClients().now))


def answer(table: Refusing, **parameters: str) -> httpx.Response:
    services = ApiServices(None, deployment_of(table), list)  # type: ignore[arg-type]
    app = httpx.ASGITransport(make_app(lambda: services))

    async def ask() -> httpx.Response:
        async with httpx.AsyncClient(transport=app, base_url="http://api") as client:
            return await client.get("/customers/c/orders", params=parameters)

    return asyncio.run(ask())


def test_a_page_that_begins_at_none_of_these_orders_is_refused() -> None:
    with pytest.raises(InputError, match="none of these orders"):
        page_of_orders(deployment_of(Refusing("ValidationException")), KEY, limit=1, begin=BEGIN)


def test_another_error_is_the_tables() -> None:
    with pytest.raises(CloudError, match="ValidationException"):
        page_of_orders(deployment_of(Refusing("ValidationException")), KEY, limit=1)
    with pytest.raises(CloudError, match="ThrottlingException"):
        page_of_orders(deployment_of(Refusing("ThrottlingException")), KEY, limit=1, begin=BEGIN)


def test_a_span_that_ends_before_it_begins_is_refused_unasked() -> None:
    table = Refusing("ValidationException")
    later, earlier = datetime(2026, 11, 23, tzinfo=UTC), datetime(2026, 11, 22, tzinfo=UTC)
    with pytest.raises(InputError, match="is before since"):
        page_of_orders(deployment_of(table), KEY, since=later, until=earlier, limit=1)
    assert table.asked == []


def test_the_api_calls_both_the_callers_error_and_not_one_to_come_again_for() -> None:
    table = Refusing("ValidationException")
    forged = base64.urlsafe_b64encode(json.dumps(["", "x"]).encode()).decode().rstrip("=")
    for parameters in ({"cursor": forged}, {"since": "2026-11-23", "until": "2026-11-22"}):
        found = answer(table, **parameters)
        assert (found.status_code, found.headers["content-type"]) == (422, "application/problem+json")
        assert "retry-after" not in found.headers
    (asked,) = table.asked
    assert asked["ExclusiveStartKey"]["CustomerID"] == {"S": "c"}, "that of the path, whatever a cursor says"


class Batches:
    """DynamoDB, which leaves the last key of each request of several for the next."""

    def batch_get_item(self, *, RequestItems: dict[str, Any]) -> dict[str, Any]:
        ((table, request),) = RequestItems.items()
        keys = request["Keys"]
        assert 0 < len(keys) <= 100
        left = keys[-1:] if len(keys) > 1 else []
        there = [key for key in keys if key not in left and key["OrderID"]["S"] != "none"]
        return {
            "Responses": {table: [key | {"OrderAmount": {"N": "1.50"}} for key in there]},
            "UnprocessedKeys": {table: {"Keys": left}} if left else {},
        }


def test_orders_that_exist_are_read_whatever_dynamodb_leaves_for_later() -> None:
    deployment = deployment_on(SimpleNamespace(dynamodb=Batches()))
    ids = [f"A-{number}" for number in range(250)]
    found = get_orders(deployment, [*ids, "none"])
    assert sorted(found) == sorted(ids) and found["A-7"]["OrderAmount"] == Decimal("1.50")
    assert get_orders(deployment, []) == {}
