"""Call DynamoDB, and classify errors: those of the whole call, and those of single statements."""

from typing import Any

# Error codes of single statements that are permanent for the item. Any other that is not transient concerns
# the table as a whole.
PERMANENT = frozenset({"ValidationError", "ItemCollectionSizeLimitExceeded"})

# After this many consecutive failed calls DynamoDB counts as down, and it is left to Lambda to retry.
MAX_CONSECUTIVE_FAILURES = 3


class CallFailedError(Exception):
    """A whole call failed and may succeed later, but not soon if DynamoDB was unreachable."""

    def __init__(self, error: Exception) -> None:
        from orderstream.sdk.errors import UNREACHABLE

        super().__init__(" ".join(str(error).split()))
        self.unreachable = isinstance(error, UNREACHABLE)


def execute(client: Any, table: str, operation: str, **parameters: Any) -> Any:
    """Make a call and return the response; `client` is a `DynamoClient`, or one of botocore.

    Raises CallFailedError for a transient error, and CloudError for any other: it concerns the whole `table`.
    """
    try:
        return getattr(client, operation)(**parameters)
    except Exception as error:
        # Imported only now: it imports botocore, which takes half of a cold start.
        from orderstream.sdk.errors import is_transient, translate_errors

        with translate_errors(f"table {table}"):
            if is_transient(error):
                raise CallFailedError(error) from error
            raise
