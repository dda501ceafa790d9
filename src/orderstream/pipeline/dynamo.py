"""One call of DynamoDB, and what errors mean: those of the whole call, and those of a statement in it."""

from typing import Any

from botocore.exceptions import BotoCoreError, ClientError, ConnectionError, HTTPClientError

from orderstream.errors import CloudError

# Error codes of single statements (BatchStatementErrorCodeEnum in DynamoDB's API): these pass, ...
TRANSIENT = frozenset(
    {
        "InternalServerError",
        "ProvisionedThroughputExceeded",
        "RequestLimitExceeded",
        "ThrottlingError",
        "TransactionConflict",
    }
)
# ... these never will for this item, and any other is about the table as a whole.
PERMANENT = frozenset({"ValidationError", "ItemCollectionSizeLimitExceeded"})

# Error codes of whole calls that pass. The SDK has tried such a call three times already.
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
# No connection, or none that lasted until the answer; botocore has no common name for the two.
UNREACHABLE = (ConnectionError, HTTPClientError)
# After so many failed calls in a row DynamoDB is down, and waiting for it is Lambda's business.
MAX_CONSECUTIVE_FAILURES = 3


class CallFailedError(Exception):
    """A whole call failed and may succeed later; not soon, if DynamoDB was not even reached."""

    def __init__(self, error: Exception) -> None:
        super().__init__(" ".join(str(error).split()))
        self.unreachable = isinstance(error, UNREACHABLE)


def execute(client: Any, table: str, operation: str, **parameters: Any) -> Any:
    """The answer of a client of botocore.

    Raises CallFailedError for what may pass, and CloudError for all else: it is about `table` as a whole.
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
