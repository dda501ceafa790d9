"""Which errors of the SDK may not recur at the next attempt, and which hints they come with."""

import ast

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
from reference.layers import MODULES, PACKAGE

from orderstream.errors import CloudError
from orderstream.sdk.errors import (
    CLOCK_HINT,
    CREDENTIALS_HINT,
    error_code,
    is_throttle,
    is_transient,
    translate_errors,
)


def answered(code: str, status: int = 400, message: str = "no") -> ClientError:
    return ClientError(
        {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": status}},  # type: ignore[typeddict-item]
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


@pytest.mark.parametrize(
    ("error", "hint"),
    [
        (answered("ExpiredTokenException"), CREDENTIALS_HINT),
        (answered("UnrecognizedClientException"), CREDENTIALS_HINT),
        (NoCredentialsError(), CREDENTIALS_HINT),
        (answered("RequestTimeTooSkewed", 403), CLOCK_HINT),
        (answered("RequestExpired"), CLOCK_HINT),
        (answered("InvalidSignatureException", message="Signature expired: 20261122"), CLOCK_HINT),
        (answered("SignatureDoesNotMatch", message="Signature not yet current: 20261122"), CLOCK_HINT),
        (answered("InvalidSignatureException", message="it does not match"), CREDENTIALS_HINT),
        (answered("ValidationException"), ""),
    ],
)
def test_a_translated_error_says_what_could_not_be_done_and_what_to_do(error: Exception, hint: str) -> None:
    with pytest.raises(CloudError, match="^cannot read the table: ") as raised:
        with translate_errors("cannot read the table"):
            raise error
    assert raised.value.hint == hint
    assert raised.value.__cause__ is error


def test_other_errors_are_not_translated() -> None:
    with pytest.raises(ValueError, match="ours"), translate_errors("cannot read the table"):
        raise ValueError("ours")


def test_no_other_module_turns_errors_of_the_sdk_into_cloud_errors() -> None:
    found = []
    for module in MODULES:
        for node in ast.walk(ast.parse(module.read_text())):
            if isinstance(node, ast.ExceptHandler) and node.type:
                caught, body = ast.unparse(node.type), "\n".join(map(ast.unparse, node.body))
                if {"BotoCoreError", "ClientError"} & set(caught.strip("()").split(", ")) and (
                    "raise CloudError(" in body
                ):
                    found.append(str(module.relative_to(PACKAGE)))
    assert found == ["sdk/errors.py"]
