"""Classifies the SDK errors that are transient, so that the same call is worth retrying."""

from botocore.exceptions import ClientError, ConnectionError, HTTPClientError

_THROTTLES = {
    "LimitExceededException",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
}


def error_code(error: Exception) -> str:
    """The AWS error code of `error`, "" if it is not a response of AWS."""
    return error.response.get("Error", {}).get("Code", "") if isinstance(error, ClientError) else ""


def is_throttle(error: Exception) -> bool:
    """Whether AWS throttled the call."""
    return error_code(error) in _THROTTLES or _status(error) == 429


def is_transient(error: Exception) -> bool:
    """Whether `error` is a throttle, a service or connection failure, or a subscription in use."""
    return (
        is_throttle(error)
        or error_code(error) == "ResourceInUseException"
        or _status(error) >= 500
        or isinstance(error, (ConnectionError, HTTPClientError))
    )


def _status(error: Exception) -> int:
    if not isinstance(error, ClientError):
        return 0
    return error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
