"""Which errors of the SDK may not recur at the next attempt."""

import pytest
from botocore.exceptions import (
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    IncompleteReadError,
    NoCredentialsError,
    ReadTimeoutError,
)
from botocore.parsers import ResponseParserError

from orderstream.sdk.errors import error_code, is_throttle, is_transient


def answered(code: str, status: int = 400) -> ClientError:
    return ClientError(
        {"Error": {"Code": code, "Message": "no"}, "ResponseMetadata": {"HTTPStatusCode": status}},  # type: ignore[typeddict-item]
        "Operation",
    )


@pytest.mark.parametrize(
    "error", [answered("ThrottlingException"), answered("SlowDown", 503), answered("Odd", 429)]
)
def test_a_throttle_is_transient(error: Exception) -> None:
    assert is_throttle(error) and is_transient(error)


@pytest.mark.parametrize(
    "error",
    [
        answered("InternalFailure"),
        answered("ResourceInUseException"),
        answered("Odd", 500),
        EndpointConnectionError(endpoint_url="http://localhost"),
        ConnectTimeoutError(endpoint_url="http://localhost"),
        ReadTimeoutError(endpoint_url="http://localhost"),
        IncompleteReadError(actual_bytes=1, expected_bytes=2),
        ResponseParserError("not JSON"),
    ],
)
def test_a_failure_of_service_or_connection_is_transient_and_no_throttle(error: Exception) -> None:
    assert is_transient(error) and not is_throttle(error)


@pytest.mark.parametrize(
    "error", [answered("ValidationException"), answered("AccessDenied", 403), NoCredentialsError()]
)
def test_an_error_that_will_recur_is_not_transient(error: Exception) -> None:
    assert not is_transient(error)


def test_only_a_response_of_aws_has_a_code() -> None:
    assert error_code(answered("NoSuchKey", 404)) == "NoSuchKey"
    assert error_code(ClientError({}, "Operation")) == ""
    assert error_code(NoCredentialsError()) == ""
