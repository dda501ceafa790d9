"""The table: put-if-absent in batches of 25, every answer taken by its index (G2, G3)."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from enum import Enum
from functools import cache
from typing import Any, TypeVar

import msgspec
from botocore.exceptions import BotoCoreError, ClientError, ConnectionError, HTTPClientError

from orderstream.errors import CloudError

T = TypeVar("T")

STATEMENTS_PER_CALL = 25
KEYS_PER_READ = 100
BACKOFF_BASE_SECONDS = 0.05
BACKOFF_CAP_SECONDS = 5.0

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
CALLS_IN_A_ROW = 3

# What is read of an item that was there before: enough to compare, and to show in a conflict.
_COMPARED = ("OrderID", "CustomerID", "OrderAmount", "OrderDate", "EventID", "ArchiveKey", "Fingerprint")


class Result(Enum):
    """What became of one row."""

    STORED = "stored"
    DUPLICATE = "duplicate"
    CONFLICT = "conflict"
    REFUSED = "refused"
    UNDONE = "undone"


class Outcome(msgspec.Struct, frozen=True):
    """The result for one row; `stored` is the earlier item (duplicate, conflict), `message` DynamoDB's."""

    result: Result
    stored: dict[str, Any] = {}
    message: str = ""


class _CallFailedError(Exception):
    """A whole call failed and may succeed later; not soon, if DynamoDB was not even reached."""

    def __init__(self, error: Exception) -> None:
        super().__init__(" ".join(str(error).split()))
        self.unreachable = isinstance(error, UNREACHABLE)


class OrderTable:
    """DynamoDB's table of orders. `client` is a botocore client; sleep and jitter can be given."""

    def __init__(
        self,
        client: Any,
        name: str,
        *,
        sleep: Callable[[float], None] = time.sleep,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._client = client
        self._name = name
        self._sleep = sleep
        self._jitter = jitter

    def insert(self, items: Sequence[dict[str, Any]], seconds_left: Callable[[], float]) -> list[Outcome]:
        """Insert items with distinct OrderID; an outcome for each, in their order.

        Items are attributes as text, Decimal, int, lists and dicts. What is throttled is tried again,
        alone and with growing random pauses, while `seconds_left()` lasts; then it is UNDONE. So is all
        that is left when DynamoDB is down. Raises CloudError when the table cannot be used at all.
        """
        outcomes: dict[int, Outcome] = {}
        waiting = list(range(len(items)))
        attempt = failed_calls = 0
        while waiting:
            again: list[int] = []
            there: list[int] = []
            for number, chunk in enumerate(_chunks(waiting, STATEMENTS_PER_CALL)):
                if (attempt or number) and seconds_left() <= 0:
                    outcomes |= {index: Outcome(Result.UNDONE, message="out of time") for index in chunk}
                    continue
                try:
                    errors = self._insert_once([items[index] for index in chunk])
                except _CallFailedError as failure:
                    left = waiting[number * STATEMENTS_PER_CALL :]
                    outcomes |= {index: Outcome(Result.UNDONE, message=str(failure)) for index in left}
                    failed_calls = CALLS_IN_A_ROW if failure.unreachable else failed_calls + 1
                    again += left
                    break
                failed_calls = 0
                for index, error in zip(chunk, errors, strict=True):
                    outcome = self._outcome(error)
                    if outcome is None:
                        there.append(index)
                        continue
                    outcomes[index] = outcome
                    if outcome.result is Result.UNDONE:
                        again.append(index)
            outcomes |= self._compare(there, items, seconds_left)
            pause = self._pause(attempt)
            if again and (failed_calls >= CALLS_IN_A_ROW or pause >= seconds_left()):
                break
            if again:
                self._sleep(pause)
            waiting = again
            attempt += 1
        return [outcomes[index] for index in range(len(items))]

    def _outcome(self, error: dict[str, Any]) -> Outcome | None:
        """What one statement's answer means; None where an item is there that must be compared."""
        code = error.get("Code", "")
        if not code:
            return Outcome(Result.STORED)
        if code == "DuplicateItem":
            return None
        if code in TRANSIENT:
            return Outcome(Result.UNDONE, message=code)
        if code in PERMANENT:
            return Outcome(Result.REFUSED, message=error.get("Message", code))
        raise CloudError(f"table {self._name}: {code}: {error.get('Message', '')}")

    def _pause(self, attempt: int) -> float:
        return self._jitter() * min(BACKOFF_CAP_SECONDS, BACKOFF_BASE_SECONDS * 2.0**attempt)

    def _insert_once(self, items: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        statements = [
            {
                "Statement": _statement(self._name, tuple(item)),
                "Parameters": [attribute_value(value) for value in item.values()],
            }
            for item in items
        ]
        answer = self._call("batch_execute_statement", Statements=statements)
        return [response.get("Error", {}) for response in answer["Responses"]]

    def _compare(
        self, indices: Sequence[int], items: Sequence[dict[str, Any]], seconds_left: Callable[[], float]
    ) -> dict[int, Outcome]:
        stored = self.read([items[index]["OrderID"] for index in indices], seconds_left)
        outcomes: dict[int, Outcome] = {}
        for index in indices:
            item = items[index]
            before = stored.get(item["OrderID"])
            if before is None:
                # Not read in time, or removed since the insert: the next delivery finds out.
                outcomes[index] = Outcome(Result.UNDONE, message="the item that is there was not read")
            elif before.get("Fingerprint") == item["Fingerprint"]:
                outcomes[index] = Outcome(Result.DUPLICATE, before)
            else:
                outcomes[index] = Outcome(Result.CONFLICT, before)
        return outcomes

    def read(self, order_ids: Sequence[str], seconds_left: Callable[[], float]) -> dict[str, dict[str, Any]]:
        """What is compared of the items that are there and could be read in the time left, by OrderID."""
        found: dict[str, dict[str, Any]] = {}
        unread = list(order_ids)
        attempt = 0
        while unread:
            keys, unread = unread[:KEYS_PER_READ], unread[KEYS_PER_READ:]
            request = {
                "Keys": [{"OrderID": {"S": order_id}} for order_id in keys],
                "ConsistentRead": True,
                "ProjectionExpression": ", ".join(_COMPARED),
            }
            try:
                answer = self._call("batch_get_item", RequestItems={self._name: request})
            except _CallFailedError as failure:
                again, items = keys, []
                if failure.unreachable or attempt + 1 >= CALLS_IN_A_ROW:
                    return found
            else:
                items = answer["Responses"].get(self._name, [])
                later = answer.get("UnprocessedKeys", {}).get(self._name, {}).get("Keys", [])
                again = [key["OrderID"]["S"] for key in later]
            for item in items:
                plain = plain_value({"M": item})
                found[plain["OrderID"]] = plain
            # An answer in parts is nothing unusual; an answer with nothing is a throttled table.
            attempt = 0 if items or not again else attempt + 1
            pause = self._pause(attempt) if attempt else 0.0
            if (again or unread) and pause >= seconds_left():
                return found
            self._sleep(pause)
            unread = again + unread
        return found

    def _call(self, operation: str, **parameters: Any) -> Any:
        try:
            return getattr(self._client, operation)(**parameters)
        except ClientError as error:
            status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
            if error.response["Error"]["Code"] in TRANSIENT_CALLS or status >= 500:
                raise _CallFailedError(error) from error
            raise CloudError(f"table {self._name}: {error}") from error
        except UNREACHABLE as error:
            raise _CallFailedError(error) from error
        except BotoCoreError as error:
            raise CloudError(f"table {self._name}: {error}") from error


@cache
def _statement(table: str, names: tuple[str, ...]) -> str:
    fields = ", ".join(f"'{name}': ?" for name in names)
    return f'INSERT INTO "{table}" VALUE {{{fields}}}'


def attribute_value(value: Any) -> dict[str, Any]:
    """Text, Decimal, int, list or dict in DynamoDB's JSON."""
    if isinstance(value, str):
        return {"S": value}
    if isinstance(value, Decimal | int):
        return {"N": f"{value:f}" if isinstance(value, Decimal) else str(value)}
    if isinstance(value, list):
        return {"L": [attribute_value(element) for element in value]}
    return {"M": {name: attribute_value(element) for name, element in value.items()}}


def plain_value(value: dict[str, Any]) -> Any:
    """The inverse of `attribute_value`, with numbers as Decimal."""
    ((kind, content),) = value.items()
    if kind == "N":
        return Decimal(content)
    if kind == "L":
        return [plain_value(element) for element in content]
    if kind == "M":
        return {name: plain_value(element) for name, element in content.items()}
    return content


def _chunks(values: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    for start in range(0, len(values), size):
        yield values[start : start + size]
