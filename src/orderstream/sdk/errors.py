"""Classify the SDK's errors."""

from botocore.exceptions import ClientError, ConnectionError, HTTPClientError, IncompleteReadError
from botocore.parsers import ResponseParserError

from orderstream.sdk.retries import THROTTLES, TRANSIENT

# No connection, or it was lost before the response; botocore has no common base class for the two.
UNREACHABLE = (ConnectionError, HTTPClientError)
# Nothing answered, something else answered, or the response broke off.
NO_ANSWER = (*UNREACHABLE, IncompleteReadError, ResponseParserError)


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
