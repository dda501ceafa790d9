"""Call DynamoDB, and classify errors: those of the whole call, and those of single statements."""

from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from orderstream.sdk.errors import UNREACHABLE, is_transient, translate_errors

# Error codes of single statements that are permanent for the item. Any other that is not transient concerns
# the table as a whole.
PERMANENT = frozenset({"ValidationError", "ItemCollectionSizeLimitExceeded"})

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
    with translate_errors(f"table {table}"):
        try:
            return getattr(client, operation)(**parameters)
        except (BotoCoreError, ClientError) as error:
            if is_transient(error):
                raise CallFailedError(error) from error
            raise
