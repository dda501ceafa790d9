"""Which error codes of AWS are transient, and how long to wait before the next attempt."""

# The service limits the rate of calls.
THROTTLES = frozenset(
    {
        "KMSThrottlingException",
        "LimitExceededException",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "SlowDown",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
        # Of single statements (BatchStatementErrorCodeEnum in DynamoDB's API).
        "ProvisionedThroughputExceeded",
        "ThrottlingError",
    }
)
# All codes with which the same call or statement may succeed later. So may any call with status 429 or 5xx.
TRANSIENT = THROTTLES | {
    "InternalFailure",
    "InternalFailureException",
    "InternalServerError",
    "RequestTimeout",
    "RequestTimeoutException",
    # The stream is being created or updated, or another subscription to the shard has not ended.
    "ResourceInUseException",
    "ServiceUnavailable",
    "TransactionConflict",
}

BASE_SECONDS = 0.05
CAP_SECONDS = 5.0
_MAPPING_BASE_SECONDS = 0.1


def backoff(failures: int, draw: float, base: float = BASE_SECONDS) -> float:
    """Seconds to wait after the `failures`-th failure in a row: exponential from `base` to 5 s.

    `draw` is a random number from 0 to 1: AWS calls this full jitter. After no failure it is 0.
    """
    if not failures:
        return 0.0
    # The exponent is bounded because a larger power would overflow a float.
    return draw * min(CAP_SECONDS, base * 2.0 ** min(failures - 1, 32))


def mapping_delay(failures: int, draw: float) -> float:
    """Seconds that an event source mapping waits after the `failures`-th failure in a row.

    `draw` is a random number from 0 to 1. It decides half of the delay, so that lanes spread out.
    """
    return backoff(failures, (1 + draw) / 2, _MAPPING_BASE_SECONDS)
