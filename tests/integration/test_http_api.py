"""The HTTP API as it is deployed: who gets in, what is bounded and logged, and that the function answers."""

from __future__ import annotations

import asyncio
import json
import re
import uuid
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import httpx
import msgspec
import pytest

from orderstream.api.app import make_app
from orderstream.api.services import ApiServices
from orderstream.archive.maintenance import maintain
from orderstream.aws.clients import AwsClients
from orderstream.aws.kinesis_event import EventOrigin, entry_of
from orderstream.local.cloud import REGION, LocalCloud
from orderstream.storage import stream
from orderstream.storage.bucket import TimeRange
from tests.fakes import deployment_on
from tests.integration.expanded import EVERYTHING, expanded, resources
from tests.integration.http_api import Caller
from tests.integration.users import user

SIGNED: dict[str, str] = {}
TOKENS = {"HttpApi": "jwt", "JwtIssuer": "https://issuer.example", "JwtAudience": "shops,partners"}
PLANTED = "planted-customer-23"
# What an access log may say: nothing of these is about a person.
LOGGED = {
    "requestId",
    "requestTimeEpoch",
    "routeKey",
    "status",
    "responseLength",
    "responseLatency",
    "integration.requestId",
    "integration.latency",
    "integrationErrorMessage",
    "error.message",
}

Given = dict[str, str]


def routes(given: Given) -> dict[str, dict[str, Any]]:
    return {one["RouteKey"]: one for one in resources("AWS::ApiGatewayV2::Route", given).values()}


def test_with_tokens_sending_and_reading_want_scopes_of_their_own() -> None:
    found = routes(TOKENS | {"JwtReadScope": "api/see"})
    assert found.pop("GET /health")["AuthorizationType"] == "NONE"
    for key, route in found.items():
        assert (route["AuthorizationType"], route["AuthorizerId"]) == ("JWT", {"Ref": "ApiTokens"})
        assert route["AuthorizationScopes"] == ["orders/write" if key.startswith("POST") else "api/see"]
    (authorizer,) = resources("AWS::ApiGatewayV2::Authorizer", TOKENS).values()
    assert authorizer["JwtConfiguration"] == {
        "Issuer": "https://issuer.example",
        "Audience": ["shops", "partners"],
    }


def test_all_that_the_application_answers_and_nothing_else_has_a_route() -> None:
    nowhere = ApiServices(None, None, list)  # type: ignore[arg-type]
    keys = {"GET /docs", "GET /docs/{proxy+}", "GET /openapi.json"}
    for path, operations in make_app(lambda: nowhere).openapi()["paths"].items():
        greedy = re.sub(r"\{.*", "{proxy+}", path)
        keys |= {f"{method.upper()} {greedy}" for method in operations}
    assert set(routes(SIGNED)) == keys


def test_without_it_nothing_of_it_is_made() -> None:
    without, whole = (expanded({"HttpApi": kind})["Resources"] for kind in ("none", "iam"))
    assert not [name for name in without if "Api" in name]
    assert {name for name in whole.keys() - without.keys() if "Api" not in name} == set()


def test_pages_of_other_origins_get_in_only_when_asked_for() -> None:
    (api,) = resources("AWS::ApiGatewayV2::Api", SIGNED).values()
    assert "CorsConfiguration" not in api
    (api,) = resources("AWS::ApiGatewayV2::Api", EVERYTHING).values()
    assert api["CorsConfiguration"]["AllowOrigins"] == ["https://shop.example", "https://b2b.example"]
    assert not api["CorsConfiguration"].get("AllowCredentials")


def test_requests_are_bounded_and_those_without_a_key_much_more() -> None:
    (stage,) = resources("AWS::ApiGatewayV2::Stage", SIGNED).values()
    usual = stage["DefaultRouteSettings"]
    assert usual == {"ThrottlingRateLimit": "100", "ThrottlingBurstLimit": "200"}
    assert stage["RouteSettings"] == {"GET /health": {"ThrottlingRateLimit": 5, "ThrottlingBurstLimit": 10}}


def test_the_access_log_has_nothing_about_people() -> None:
    (stage,) = resources("AWS::ApiGatewayV2::Stage", SIGNED).values()
    line = stage["AccessLogSettings"]["Format"]
    assert set(re.findall(r"\$context\.([\w.]+)", line)) == LOGGED
    said = json.loads(line)
    assert (said["Stack"], said["status"]) == ("orderstream", "$context.status")
    (counted,) = resources("AWS::Logs::MetricFilter", SIGNED).values()
    assert set(re.findall(r"\$\.(\w+)", json.dumps(counted))) <= set(said)


@pytest.fixture
def services(guarded: LocalCloud) -> Caller:
    """A shop, with the policy of docs/reference/policies.md."""
    return Caller(guarded.cloud, user(guarded, "caller"))


def deliver(local: LocalCloud, event_id: str, *, at: datetime) -> None:
    """Hand a record to the function, as one that arrived then: nobody else delivers here."""
    (record,) = [one for one in stream.records(local.deployment) if one.event_id == event_id]
    origin = EventOrigin(f"arn:aws:kinesis:{REGION}:000000000001:stream/OrderStream", record.shard_id, "")
    entry = entry_of(origin, msgspec.structs.replace(record, arrived_at=at))
    answer = local.cloud.lambda_.invoke(FunctionName="ProcessOrders", Payload=b'{"Records":[%b]}' % entry)
    assert json.loads(answer["Payload"].read()) == {"batchItemFailures": []}


def test_a_signed_order_is_accepted_stored_and_read_back(guarded: LocalCloud, services: Caller) -> None:
    # API Gateway decodes what is in a path, but for the percent sign.
    order_id, customer = f"a/b c%20d-{uuid.uuid4().hex}", f"{PLANTED}-{uuid.uuid4().hex}"
    body = json.dumps({"order_id": order_id, "customer_id": customer, "amount": 19.90}).encode()
    sent = services("POST", "/orders", body)
    assert sent.status_code == 202, sent.text
    deliver(guarded, sent.json()["event_id"], at=datetime.now(UTC))
    path = sent.headers["location"]
    assert services("GET", path).json()["OrderAmount"] == 19.9
    assert services("GET", f"{path}/raw").content == body
    listed = services("GET", f"/customers/{quote(customer)}/orders?limit=1").json()
    assert [one["OrderID"] for one in listed["orders"]] == [order_id]
    batch = services("POST", "/orders/batch", b"[%b, {}]" % body)
    assert (batch.status_code, batch.json()["accepted"]) == (207, 1)
    assert services("GET", "/orders/none").headers["content-type"] == "application/problem+json"


def test_the_bytes_of_a_compacted_order_come_back_too(guarded: LocalCloud, services: Caller) -> None:
    hour = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(days=3)
    # What is one object already stays as it is.
    for _ in range(2):
        sent = services("POST", "/orders", b'{"customer_id": "c",  "amount": 1.50}').json()
        deliver(guarded, sent["event_id"], at=hour)
    key = services("GET", sent["location"]).json()["ArchiveKey"]
    # Later hours may have been sealed before.
    span = TimeRange(hour, hour + timedelta(hours=1))
    assert maintain(guarded.deployment, span, compacting=True, currency="EUR", accept=True).compacted
    left = guarded.cloud.s3.list_objects_v2(Bucket=guarded.deployment.bucket, Prefix=key)
    assert left["KeyCount"] == 0
    assert json.loads(services("GET", f"{sent['location']}/raw").content)["amount"] == 1.5


def test_a_body_that_comes_as_base64_is_taken(services: Caller) -> None:
    # That is how API Gateway hands on what is no application/json.
    kind = {"content-type": "application/vnd.shop+json"}
    assert services("POST", "/orders", b'{"customer_id": "c", "amount": 2}', kind).status_code == 202


def test_nothing_is_reached_unsigned_but_the_health(guarded: LocalCloud) -> None:
    anybody = Caller(guarded.cloud)
    health = anybody("GET", "/health")
    assert health.status_code == 200
    assert "alarms unknown" not in health.json()["degraded"]
    for key in routes(SIGNED).keys() - {"GET /health"}:
        method, path = key.replace("{proxy+}", "x").split()
        body = b'{"customer_id": "c", "amount": 1}' if method == "POST" else None
        assert anybody(method, path, body).status_code == 403, key
    assert anybody("GET", "/nothing").status_code == 404


def test_a_signature_has_to_be_right_and_its_owner_allowed(guarded: LocalCloud, services: Caller) -> None:
    key, _ = user(guarded, "caller")
    assert Caller(guarded.cloud, (key, "wrong"))("GET", "/orders/x").status_code == 403
    order = b'{"customer_id": "c", "amount": 1}'
    reader = Caller(guarded.cloud, user(guarded, "reader"))
    assert reader("POST", "/orders", order).status_code == reader("GET", "/orders/x").status_code == 403
    assert services("GET", "/docs").status_code == 403, "no shop needs it"


def test_the_functions_log_has_nothing_about_people(guarded: LocalCloud, services: Caller) -> None:
    assert services("GET", f"/customers/{PLANTED}/orders").status_code == 200
    reader = guarded.cloud.logs.get_paginator("filter_log_events")
    pages = reader.paginate(logGroupName="/aws/lambda/OrdersApi")
    logged = [event["message"] for page in pages for event in page["events"]]
    assert logged and not [line for line in logged if PLANTED in line]


def answered(services: Callable[[], ApiServices], path: str) -> httpx.Response:
    """What the application answers; its own error goes on to whoever serves it."""
    app = httpx.ASGITransport(make_app(services), raise_app_exceptions=False)

    async def answer() -> httpx.Response:
        async with httpx.AsyncClient(transport=app, base_url="http://api") as client:
            return await client.get(path)

    return asyncio.run(answer())


def test_a_service_that_fails_is_logged_without_the_customer(
    cloud: AwsClients, caplog: pytest.LogCaptureFixture
) -> None:
    stack = replace(deployment_on(cloud), name="orderstream")
    services = ApiServices(None, stack, list)  # type: ignore[arg-type]
    found = answered(lambda: services, f"/customers/{PLANTED}/orders")
    assert (found.status_code, found.headers["retry-after"]) == (503, "2")
    (said,) = [record.getMessage() for record in caplog.records if record.name.startswith("orderstream")]
    assert said.startswith("GET /customers/{customer_id:path}/orders: ") and "ResourceNotFound" in said
    assert PLANTED not in said + found.text


def test_an_error_that_nobody_thought_of_is_a_problem_that_says_nothing_of_it() -> None:
    def broken() -> ApiServices:
        raise ZeroDivisionError(PLANTED)

    found = answered(broken, "/orders/A-1")
    assert (found.status_code, found.headers["content-type"]) == (500, "application/problem+json")
    assert found.json()["detail"] == "this should not have happened"
