"""`api-signatures`, `api-throttling`, `api-access-log` and `api-metrics`, and what they do not take.

That the signature is right, over encoded slashes too, tests/integration/test_accept.py shows.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from orderstream.acceptance import http_api
from orderstream.errors import CheckFailedError
from tests.fakes import Clock
from tests.unit.acceptance.fakes import aws_of
from tests.unit.acceptance.gateway import Gateway, access_log_line, context_with, serving

TAKEN = 20
PROXY = "GET /orders/{proxy+}"


@pytest.fixture
def served() -> Iterator[Gateway]:
    with serving(Gateway()) as gateway:
        yield gateway


def test_requests_are_refused_unsigned_or_beyond_the_rate_and_the_access_log_has_all_of_them(
    served: Gateway,
) -> None:
    found = http_api.signatures(context_with(served))
    assert found["unsigned"] == '403 {"message":"Forbidden"}'
    assert re.fullmatch(r"planted-shop/[0-9a-f]{8} 100%/1", found["order_id"])
    served.takes, context = TAKEN, context_with(served)
    assert http_api.throttling(context) == {
        "requests": http_api.REQUESTS,
        "404": TAKEN,
        "429": http_api.REQUESTS - TAKEN,
        "said": '{"message":"Too Many Requests"}',
    }
    # CloudFormation throttles too, and waiting for it would spread the requests.
    assert aws_of(context).asked["describe_stacks"] == 1
    # An unsigned request, the health, one order sent and read, a customer's orders, and the many.
    assert http_api.access_log(context) == {
        "lines": 5 + http_api.REQUESTS,
        "statuses": {"200": 2, "202": 1, "403": 1, "404": 1 + TAKEN, "429": http_api.REQUESTS - TAKEN},
        "routes": ["GET /customers/{proxy+}", "GET /health", PROXY, "POST /orders"],
    }


@pytest.mark.parametrize(
    ("gateway", "said"),
    [
        (Gateway(asks=False), "without a signature it answers 404: .*no such order"),
        (Gateway(takes=0), "POST /orders answers 429: .*Too Many Requests"),
        (
            Gateway(decodes=True),
            r"after 180 s: GET /orders/planted-shop%2F[0-9a-f]{8}%20100%25%2F1 answers 403",
        ),
    ],
)
def test_a_gateway_that_does_not_do_its_work_fails_the_check(gateway: Gateway, said: str) -> None:
    with serving(gateway), pytest.raises(CheckFailedError, match=said):
        http_api.signatures(context_with(gateway))


def test_a_gateway_that_takes_every_request_fails_the_check(served: Gateway) -> None:
    with pytest.raises(CheckFailedError, match=r"of 200 requests none was refused: \{404: 200\}"):
        http_api.throttling(context_with(served))


def test_a_gateway_that_nobody_reaches_fails_the_check_with_the_request_and_the_cause() -> None:
    with serving(Gateway()) as gone:
        pass
    with pytest.raises(CheckFailedError, match="GET /orders/nobody: .*onnect"):
        http_api.signatures(context_with(gone))


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ([], "after 600 s: among 2 lines none has status 429"),
        ([access_log_line("GET /orders/planted-shop-1", 429)], "1 lines have ids in them"),
    ],
)
def test_an_access_log_without_a_status_or_with_ids_fails_the_check(more: list[str], said: str) -> None:
    log = [access_log_line("POST /orders", status) for status in (202, 403)]
    clock = Clock()
    with pytest.raises(CheckFailedError, match=said):
        http_api.access_log(context_with(Gateway(log=log + more), clock))
    assert clock.now == 600


def logging(refused: int) -> Gateway:
    """One in whose log so many requests were refused for their rate, and the health three times."""
    many = [access_log_line(PROXY, status) for status in [404] * TAKEN + [429] * refused]
    return Gateway(log=[*many, *[access_log_line("GET /health", 429)] * 3])


def test_the_metrics_count_what_the_access_log_has_and_not_who_asks_for_the_health() -> None:
    found = http_api.counted(context_with(logging(180), ApiThrottled=180, Count=203))
    assert found == {"refused": 180, "ApiThrottled": 180, "Count": 203}


@pytest.mark.parametrize(
    ("refused", "sums", "said"),
    [
        (180, {"ApiThrottled": 179, "Count": 203}, "after 900 s: ApiThrottled is 179, refused 180"),
        (180, {"ApiThrottled": 180}, "after 900 s: API Gateway counts 0 requests"),
        (0, {"ApiThrottled": 180, "Count": 203}, "the access log has no refused request"),
    ],
)
def test_metrics_that_count_less_than_was_refused_fail_the_check(
    refused: int, sums: dict[str, int], said: str
) -> None:
    with pytest.raises(CheckFailedError, match=said):
        http_api.counted(context_with(logging(refused), None, **sums))
