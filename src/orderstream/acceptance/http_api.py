"""Checks of the HTTP API on API Gateway: signatures, ids in paths, throttling, access log, metrics."""

from __future__ import annotations

import json
import secrets
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import quote, urlsplit

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.exceptions import ConnectionError, HTTPClientError
from botocore.httpsession import URLLib3Session

from orderstream.acceptance.context import Context, Evidence, expect
from orderstream.acceptance.roles import listed
from orderstream.acceptance.traffic import ARRIVAL_SECONDS, new_orders
from orderstream.acceptance.watching import metric_sums
from orderstream.aws.metrics import Metric
from orderstream.errors import CheckFailedError
from orderstream.pipeline.telemetry import NAMESPACE
from orderstream.sdk.errors import translate_errors

# Concurrent requests, to reach ten times the stack's ApiRate.
REQUESTS, AT_ONCE = 200, 16
TIMEOUT_SECONDS = 35
_LOG_SECONDS, _METRIC_SECONDS = 600.0, 900.0
_TOO_MANY = 429
# Every logged path would contain one of these; neither may appear in the access log.
_PERSON, _PLANTED = "planted-person", "planted-shop"


def orders(context: Context) -> Evidence:
    """An order sent with a signature is stored, and read back unchanged."""
    (order,) = new_orders("http", 1)
    body = _accepted(context, order)
    raw = _await(context, f"/orders/{order['order_id']}/raw")
    expect(raw == body.decode(), "the bytes are not those that were sent")
    return {"order_id": order["order_id"], "status": 202, "bytes": len(raw)}


def signatures(context: Context) -> Evidence:
    """Unsigned requests are rejected; ids with slashes, spaces and percent signs can be signed and read."""
    refused, said = call(context, "GET", "/orders/nobody", signed=False)
    expect(refused == 403, f"without a signature it answers {refused}: {said[:200]}")
    health, _ = call(context, "GET", "/health", signed=False)
    expect(health == 200, f"GET /health answers {health}")
    order_id = f"{_PLANTED}/{secrets.token_hex(4)} 100%/1"
    order = new_orders("http", 1)[0] | {"order_id": order_id, "customer_id": _PERSON}
    _accepted(context, order)
    found = json.loads(_await(context, f"/orders/{quote(order_id, safe='')}"))
    expect(found["OrderID"] == order_id, f"read was {found['OrderID']!r}")
    call(context, "GET", f"/customers/{_PERSON}/orders")
    return {"unsigned": f"{refused} {said.strip()}", "order_id": order_id}


def throttling(context: Context) -> Evidence:
    """More concurrent requests than the stack's rate allows: some are rejected with 429."""
    # Looked up once: CloudFormation throttles too, and waiting for it would spread the requests out.
    url = context.output("ApiUrl")

    def ask(number: int) -> tuple[int, str]:
        return call(context, "GET", f"/orders/{_PERSON}-{number}", url=url)

    with ThreadPoolExecutor(AT_ONCE) as threads:
        answers = list(threads.map(ask, range(REQUESTS)))
    counts = Counter(status for status, _ in answers)
    expect(counts[_TOO_MANY], f"of {REQUESTS} requests none was refused: {dict(counts)}")
    said = next(text for status, text in answers if status == _TOO_MANY)
    return {"requests": REQUESTS, **{str(one): counts[one] for one in sorted(counts)}, "said": said.strip()}


def access_log(context: Context) -> Evidence:
    """The access log has a line for each request, with route and status, without personal data."""

    def look() -> Evidence:
        messages = _access_log(context)
        lines: list[dict[str, str]] = [json.loads(one) for one in messages]
        statuses = Counter(one["status"] for one in lines)
        for status in ("202", "403", str(_TOO_MANY)):
            expect(statuses[status], f"among {len(lines)} lines none has status {status}")
        told = [one for one in messages if _PERSON in one or _PLANTED in one]
        expect(not told, f"{len(told)} lines have ids in them")
        routes = sorted({one["route"] for one in lines})
        return {"lines": len(lines), "statuses": dict(sorted(statuses.items())), "routes": routes}

    return context.until(look, seconds=_LOG_SECONDS, what="the access log")


def counted(context: Context) -> Evidence:
    """The metric filter counts throttled requests, and API Gateway all requests."""
    refused = sum(
        1
        for one in map(json.loads, _access_log(context))
        if one["status"] == str(_TOO_MANY) and one["route"] != "GET /health"
    )
    expect(refused, "the access log has no refused request")
    throttled = Metric(NAMESPACE, "ApiThrottled", (("Stack", context.name),))
    requests = Metric("AWS/ApiGateway", "Count", (("ApiId", context.physical_id("Api")),))

    def look() -> Evidence:
        found = metric_sums(context, [throttled, requests])
        sums = {metric.name: round(value) for metric, value in found.items()}
        expect(sums["ApiThrottled"] >= refused, f"ApiThrottled is {sums['ApiThrottled']}, refused {refused}")
        expect(sums["Count"] >= refused, f"API Gateway counts {sums['Count']} requests")
        return {"refused": refused, **sums}

    return context.until(look, seconds=_METRIC_SECONDS, what="the metrics of the HTTP API")


def call(
    context: Context, method: str, path: str, body: bytes | None = None, *, signed: bool = True, url: str = ""
) -> tuple[int, str]:
    """Call the HTTP API with or without the caller's signature; return status and text.

    Its address is looked up unless given as `url`.
    """
    url = url or context.output("ApiUrl")
    host, headers = urlsplit(url).netloc, {"content-type": "application/json"} if body else {}
    asked = AWSRequest(method, url + path, data=body, headers={**headers, "host": host})
    credentials = context.cloud.credentials()
    if signed:
        SigV4Auth(credentials, "execute-api", context.region).add_auth(asked)
    if context.place.is_local:
        # Not every machine resolves the name in ApiUrl, and access there requires the secret.
        asked.url = f"{context.cloud.cloudformation.meta.endpoint_url}{path}"
        asked.headers["x-amz-security-token"] = credentials.token
    try:
        answer: Any = URLLib3Session(timeout=TIMEOUT_SECONDS).send(asked.prepare())
    except (ConnectionError, HTTPClientError) as error:
        raise CheckFailedError(f"{method} {path}: {error}") from error
    return answer.status_code, answer.text


def _accepted(context: Context, order: dict[str, Any]) -> bytes:
    """The body that was sent. Raises CheckFailedError unless the order is accepted."""
    body = json.dumps(order).encode()
    status, said = call(context, "POST", "/orders", body)
    expect(status == 202, f"POST /orders answers {status}: {said[:200]}")
    return body


def _await(context: Context, path: str) -> str:
    def look() -> str:
        status, text = call(context, "GET", path)
        expect(status == 200, f"GET {path} answers {status}")
        return text

    return context.until(look, seconds=ARRIVAL_SECONDS, what=path)


def _access_log(context: Context) -> list[str]:
    group = context.physical_id("ApiLog")
    with translate_errors("cannot read the access log"):
        events = listed(context.cloud.logs, "filter_log_events", "events", logGroupName=group)
        return [event["message"] for event in events]
