"""Classify the SDK's errors, and turn them into CloudErrors."""

from collections.abc import Iterator
from contextlib import contextmanager

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,
    HTTPClientError,
    IncompleteReadError,
    NoCredentialsError,
    NoRegionError,
    ProfileNotFound,
)
from botocore.parsers import ResponseParserError

from orderstream.errors import CloudError
from orderstream.sdk.endpoints import why_unreachable
from orderstream.sdk.retries import THROTTLES, TRANSIENT

# No connection, or it was lost before the response; botocore has no common base class for the two.
UNREACHABLE = (ConnectionError, HTTPClientError)
# Nothing answered, something else answered, or the response broke off.
NO_ANSWER = (*UNREACHABLE, IncompleteReadError, ResponseParserError)

CREDENTIALS_HINT = (
    "for AWS: aws configure, or set AWS_PROFILE;"
    ' for the local cloud: orders up, then eval "$(orders stack env)"'
)
CLOCK_HINT = "AWS refuses what a wrong clock has signed: set this machine's clock (timedatectl set-ntp true)"
REGION_HINT = "name it with --region, or set AWS_REGION"
_CREDENTIALS = {
    "ExpiredToken",
    "ExpiredTokenException",
    "InvalidClientTokenId",
    "InvalidSignatureException",
    "MissingAuthenticationTokenException",
    "UnrecognizedClientException",
}


@contextmanager
def translate_errors(doing: str) -> Iterator[None]:
    """Turn any SDK error inside the block into a CloudError that says what could not be done."""
    try:
        yield
    except (BotoCoreError, ClientError) as error:
        if isinstance(error, NoRegionError):
            raise CloudError(f"{doing}: no region is configured", hint=REGION_HINT) from error
        raise CloudError(f"{doing}: {error}", hint=hint_of(error)) from error


def hint_of(error: Exception) -> str:
    """What to do about an unreachable endpoint, or refused credentials or clock; "" for other errors."""
    if isinstance(error, UNREACHABLE):
        url = error.kwargs.get("endpoint_url")
        return why_unreachable(str(url)) if url else ""
    if isinstance(error, (NoCredentialsError, ProfileNotFound)):
        return CREDENTIALS_HINT
    if not isinstance(error, ClientError):
        return ""
    said = str(error.response.get("Error", {}).get("Message", ""))
    if error_code(error) in {"RequestTimeTooSkewed", "RequestExpired"} or said.startswith(
        ("Signature expired", "Signature not yet current")
    ):
        return CLOCK_HINT
    return CREDENTIALS_HINT if error_code(error) in _CREDENTIALS else ""


def error_code(error: Exception) -> str:
    """The AWS error code of `error`, "" if it is not a response of AWS."""
    return str(error.response.get("Error", {}).get("Code", "")) if isinstance(error, ClientError) else ""


def is_throttle(error: Exception) -> bool:
    """Whether AWS throttled the call."""
    return error_code(error) in THROTTLES or _status(error) == 429


def is_transient(error: Exception) -> bool:
    """Whether the same call may succeed later: a throttle, or a failure of the service or connection."""
    return (
        error_code(error) in TRANSIENT
        or _status(error) == 429
        or _status(error) >= 500
        or isinstance(error, NO_ANSWER)
    )


def _status(error: Exception) -> int:
    if not isinstance(error, ClientError):
        return 0
    return error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
