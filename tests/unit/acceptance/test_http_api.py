"""`api-signatures`, `api-throttling`, `api-access-log` and `api-metrics`, against API Gateway's own rules."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from orderstream.acceptance import http_api
from orderstream.errors import CheckFailedError, CloudError
from tests.fakes import Clock
from tests.unit.acceptance.fakes import aws_of
from tests.unit.acceptance.gateway import LOG, Gateway, Metrics, access_log_line, context_with, serving

TAKEN = 20


@pytest.fixture
def gateway() -> Iterator[Gateway]:
    with serving(Gateway()) as found:
        yield found


def test_who_does_not_sign_is_refused_and_an_order_with_slashes_in_its_id_is_sent_and_read(
    gateway: Gateway,
) -> None:
    found = http_api.signatures(context_with(gateway))
    assert found["unsigned"] == '403 {"message":"Forbidden"}'
    assert re.fullmatch(r"planted-shop/[0-9a-f]{8} 100%/1", found["order_id"])
    assert list(gateway.orders) == [found["order_id"]]


def test_an_api_that_answers_without_a_signature_fails_the_check(gateway: Gateway) -> None:
    gateway.asks = False
    with pytest.raises(CheckFailedError, match="without a signature it answers 404: .*no such order"):
        http_api.signatures(context_with(gateway))


def test_a_gateway_that_checks_signatures_over_decoded_paths_fails_the_check(gateway: Gateway) -> None:
    gateway.decodes, clock = True, Clock()
    said = r"after 180 s: GET /orders/planted-shop%2F[0-9a-f]{8}%20100%25%2F1 answers 403"
    with pytest.raises(CheckFailedError, match=said):
        http_api.signatures(context_with(gateway, clock))
    assert clock.now == 180


def test_an_order_that_is_not_accepted_fails_the_check_with_the_answer(gateway: Gateway) -> None:
    gateway.takes = 0
    with pytest.raises(CheckFailedError, match="POST /orders answers 429: .*Too Many Requests"):
        http_api.signatures(context_with(gateway))


def test_requests_beyond_the_rate_are_counted_by_their_status(gateway: Gateway) -> None:
    gateway.takes = TAKEN
    assert http_api.throttling(context_with(gateway)) == {
        "requests": http_api.REQUESTS,
        "404": TAKEN,
        "429": http_api.REQUESTS - TAKEN,
        "said": '{"message":"Too Many Requests"}',
    }


def test_a_gateway_that_takes_every_request_fails_the_check(gateway: Gateway) -> None:
    with pytest.raises(CheckFailedError, match=r"of 200 requests none was refused: \{404: 200\}"):
        http_api.throttling(context_with(gateway))


def test_the_address_is_looked_for_once_however_many_requests_are_made(gateway: Gateway) -> None:
    # CloudFormation throttles too, and waiting for it would spread the requests.
    gateway.takes, context = TAKEN, context_with(gateway)
    http_api.throttling(context)
    assert aws_of(context).asked["describe_stacks"] == 1


def test_a_gateway_that_nobody_reaches_fails_the_check_with_the_request_and_the_cause() -> None:
    with serving(Gateway()) as gone:
        pass
    with pytest.raises(CheckFailedError, match="GET /orders/nobody: .*onnect"):
        http_api.signatures(context_with(gone))


def used(gateway: Gateway) -> None:
    """As the checks before leave it: with requests accepted, forbidden, and refused for their rate."""
    context = context_with(gateway)
    http_api.signatures(context)
    gateway.takes = TAKEN
    http_api.throttling(context)


def test_the_access_log_has_each_request_with_route_and_status(gateway: Gateway) -> None:
    used(gateway)
    # An unsigned request, the health, one order sent and read, a customer's orders, and the many.
    assert http_api.access_log(context_with(gateway)) == {
        "lines": 5 + http_api.REQUESTS,
        "statuses": {"200": 2, "202": 1, "403": 1, "404": 1 + TAKEN, "429": http_api.REQUESTS - TAKEN},
        "routes": ["GET /customers/{proxy+}", "GET /health", "GET /orders/{proxy+}", "POST /orders"],
    }


def test_an_access_log_that_lacks_a_status_is_awaited_and_then_fails_the_check(gateway: Gateway) -> None:
    clock = Clock()
    http_api.signatures(context_with(gateway))
    with pytest.raises(CheckFailedError, match="after 600 s: among 5 lines none has status 429"):
        http_api.access_log(context_with(gateway, clock))
    assert clock.now == 600


def test_an_access_log_with_paths_in_it_fails_the_check(gateway: Gateway) -> None:
    gateway.tells = True
    used(gateway)
    # The order that was sent under an id, its customer's, and the many.
    with pytest.raises(CheckFailedError, match="202 lines have ids in them"):
        http_api.access_log(context_with(gateway))


def logging(refused: int) -> Gateway:
    """One in whose log so many requests were refused for their rate, and the health three times."""
    many = [access_log_line("GET /orders/{proxy+}", status) for status in [404] * TAKEN + [429] * refused]
    return Gateway(log=[*many, *[access_log_line("GET /health", 429)] * 3])


def test_the_metrics_count_what_the_access_log_has_and_not_who_asks_for_the_health() -> None:
    found = http_api.counted(context_with(logging(180), ApiThrottled=180, Count=203))
    assert found == {"refused": 180, "ApiThrottled": 180, "Count": 203}


def test_metrics_that_come_late_are_read_again() -> None:
    clock = Clock()
    context = context_with(logging(180), clock)
    metrics: Metrics = aws_of(context).services["cloudwatch"]

    def come_late() -> float:
        if clock.now > 300:
            metrics.sums |= {"ApiThrottled": 180, "Count": 203}
        return clock.now

    context.clock = come_late
    assert http_api.counted(context)["ApiThrottled"] == 180
    assert 300 < clock.now < 310


@pytest.mark.parametrize(
    ("sums", "said"),
    [
        ({"ApiThrottled": 179, "Count": 203}, "after 900 s: ApiThrottled is 179, refused 180"),
        ({"ApiThrottled": 180}, "after 900 s: API Gateway counts 0 requests"),
    ],
)
def test_metrics_that_count_less_than_was_refused_fail_the_check(sums: dict[str, int], said: str) -> None:
    with pytest.raises(CheckFailedError, match=said):
        http_api.counted(context_with(logging(180), None, **sums))


def test_without_a_refused_request_in_the_log_there_is_nothing_to_count() -> None:
    with pytest.raises(CheckFailedError, match="the access log has no refused request"):
        http_api.counted(context_with(logging(0), ApiThrottled=180, Count=203))


def test_a_stack_without_an_access_log_is_told() -> None:
    context = context_with(Gateway())
    del aws_of(context).services["logs"].groups[LOG]
    with pytest.raises(CloudError, match="cannot read the access log: .*does not exist"):
        http_api.access_log(context)
