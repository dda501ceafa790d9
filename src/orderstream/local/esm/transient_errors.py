"""Which errors of the SDK pass by themselves, so that the same call is worth making again."""

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
    """AWS's name of `error`, "" if it is not an answer of AWS."""
    return error.response.get("Error", {}).get("Code", "") if isinstance(error, ClientError) else ""


def is_throttle(error: Exception) -> bool:
    """Whether AWS only wants the call later."""
    return error_code(error) in _THROTTLES or _status(error) == 429


def is_transient(error: Exception) -> bool:
    """Whether `error` is a throttle, a fault of the service or of the way to it, or a subscription in use."""
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
