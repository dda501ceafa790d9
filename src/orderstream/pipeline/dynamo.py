"""Call DynamoDB, and classify errors: those of the whole call, and those of single statements."""

from typing import Any

from botocore.exceptions import BotoCoreError, ClientError, ConnectionError, HTTPClientError

from orderstream.errors import CloudError

# Error codes of single statements (BatchStatementErrorCodeEnum in DynamoDB's API). These are transient ...
TRANSIENT = frozenset(
    {
        "InternalServerError",
        "ProvisionedThroughputExceeded",
        "RequestLimitExceeded",
        "ThrottlingError",
        "TransactionConflict",
    }
)
# ... and these are permanent for the item. Any other concerns the table as a whole.
PERMANENT = frozenset({"ValidationError", "ItemCollectionSizeLimitExceeded"})

# Transient error codes of whole calls. The SDK has already tried such a call three times.
TRANSIENT_CALLS = frozenset(
    {
        "InternalFailure",
        "InternalServerError",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "ServiceUnavailable",
        "ThrottlingException",
    }
)
# No connection, or it was lost before the response; botocore has no common base class for the two.
UNREACHABLE = (ConnectionError, HTTPClientError)
# After this many consecutive failed calls DynamoDB counts as down, and it is left to Lambda to retry.
MAX_CONSECUTIVE_FAILURES = 3


class CallFailedError(Exception):
    """A whole call failed and may succeed later, but not soon if DynamoDB was unreachable."""

    def __init__(self, error: Exception) -> None:
        super().__init__(" ".join(str(error).split()))
        self.unreachable = isinstance(error, UNREACHABLE)


def execute(client: Any, table: str, operation: str, **parameters: Any) -> Any:
    """Make a call with a botocore client and return the response.

    Raises CallFailedError for a transient error, and CloudError for any other: it concerns the whole `table`.
    """
    try:
        return getattr(client, operation)(**parameters)
    except ClientError as error:
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        if error.response["Error"]["Code"] in TRANSIENT_CALLS or status >= 500:
            raise CallFailedError(error) from error
        raise CloudError(f"table {table}: {error}") from error
    except UNREACHABLE as error:
        raise CallFailedError(error) from error
    except BotoCoreError as error:
        raise CloudError(f"table {table}: {error}") from error
