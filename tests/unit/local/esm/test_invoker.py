"""Only an invocation that ran can fail a batch; what never reached the function is refused."""

from __future__ import annotations

import io
import json
from typing import Any, cast

import pytest
from botocore.exceptions import ClientError, ConnectionClosedError, EndpointConnectionError, ReadTimeoutError
from mypy_boto3_lambda import LambdaClient

from orderstream.aws.kinesis_event import EventRecord
from orderstream.local.esm.failures import DiscardedInvocation
from orderstream.local.esm.invoker import InvokeAnswer, invoke
from orderstream.local.esm.outcomes import Delivered, Failed, NotInvoked, PartialFailure

FUNCTION = "arn:aws:lambda:eu-west-1:000000000001:function:ProcessOrders"
BATCH = [EventRecord("1", "a", 0, 0, None, b'{"n":1}'), EventRecord("2", "b", 0, 0, "1", b'{"n":2}')]


def response(payload: bytes, **more: Any) -> dict[str, Any]:
    return {
        "ResponseMetadata": {"RequestId": "r-1"},
        "StatusCode": 200,
        "ExecutedVersion": "7",
        "Payload": io.BytesIO(payload),
    } | more


def client_error(code: str, status: int) -> ClientError:
    metadata: Any = {"RequestId": "r-2", "HTTPStatusCode": status}
    return ClientError({"Error": {"Code": code, "Message": "m"}, "ResponseMetadata": metadata}, "Invoke")


class FakeLambda:
    def __init__(self, answer: dict[str, Any] | Exception) -> None:
        self.answer = answer
        self.request: dict[str, Any] = {}

    def invoke(self, **request: Any) -> dict[str, Any]:
        self.request = request
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def answer_to(answer: dict[str, Any] | Exception) -> InvokeAnswer:
    return invoke(cast(LambdaClient, FakeLambda(answer)), FUNCTION, BATCH, reports_failures=True)


def test_the_answer_has_the_invocation() -> None:
    assert answer_to(response(b"null")) == InvokeAnswer(Delivered(), DiscardedInvocation("r-1", 200, "7"))


def test_reported_failures_are_read() -> None:
    payload = json.dumps({"batchItemFailures": [{"itemIdentifier": "2"}]}).encode()
    assert answer_to(response(payload)).outcome == PartialFailure(1)


def test_a_function_error_fails_the_batch_whatever_the_payload_says() -> None:
    answer = answer_to(response(b"{}", FunctionError="Unhandled"))
    assert answer.outcome == Failed()
    assert answer.invocation


def test_a_throttle_is_refused_and_no_fault() -> None:
    assert answer_to(client_error("TooManyRequestsException", 429)) == InvokeAnswer(NotInvoked())


@pytest.mark.parametrize(
    "error",
    [
        client_error("ServiceException", 500),
        client_error("ResourceNotFoundException", 404),
        EndpointConnectionError(endpoint_url="http://127.0.0.1:1"),
        ConnectionClosedError(endpoint_url="http://127.0.0.1:1"),
        ReadTimeoutError(endpoint_url="http://127.0.0.1:1"),
    ],
)
def test_a_fault_on_the_way_is_refused_and_told(error: Exception) -> None:
    answer = answer_to(error)
    assert answer.outcome == NotInvoked()
    assert answer.fault == str(error)


def test_a_batch_that_lambda_finds_too_large_has_failed() -> None:
    answer = answer_to(client_error("RequestTooLargeException", 413))
    assert answer.outcome == Failed()
    assert answer.invocation == DiscardedInvocation("r-2", 413, "$LATEST")
