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
from botocore.exceptions import BotoCoreError, ClientError

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
# ... these never will for this item, and any other is about the table and fails the whole call.
PERMANENT = frozenset({"ValidationError", "ItemCollectionSizeLimitExceeded"})

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
        alone and with growing random pauses, while `seconds_left()` lasts; then it is UNDONE. Raises
        CloudError when the table cannot be used at all.
        """
        outcomes: dict[int, Outcome] = {}
        waiting = list(range(len(items)))
        attempt = 0
        while waiting:
            again: list[int] = []
            there: list[int] = []
            for chunk in _chunks(waiting, STATEMENTS_PER_CALL):
                if outcomes and seconds_left() <= 0:
                    outcomes |= {index: Outcome(Result.UNDONE, message="out of time") for index in chunk}
                    continue
                errors = self._insert_once([items[index] for index in chunk])
                for index, error in zip(chunk, errors, strict=True):
                    code = error.get("Code", "")
                    if not code:
                        outcomes[index] = Outcome(Result.STORED)
                    elif code == "DuplicateItem":
                        there.append(index)
                    elif code in TRANSIENT:
                        again.append(index)
                        outcomes[index] = Outcome(Result.UNDONE, message=code)
                    elif code in PERMANENT:
                        outcomes[index] = Outcome(Result.REFUSED, message=error.get("Message", code))
                    else:
                        raise CloudError(f"table {self._name}: {code}: {error.get('Message', '')}")
            outcomes |= self._compare(there, items)
            pause = self._jitter() * min(BACKOFF_CAP_SECONDS, BACKOFF_BASE_SECONDS * 2**attempt)
            if again and pause >= seconds_left():
                break
            if again:
                self._sleep(pause)
            waiting = again
            attempt += 1
        return [outcomes[index] for index in range(len(items))]

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

    def _compare(self, indices: Sequence[int], items: Sequence[dict[str, Any]]) -> dict[int, Outcome]:
        stored = self._read([items[index]["OrderID"] for index in indices])
        outcomes: dict[int, Outcome] = {}
        for index in indices:
            item = items[index]
            before = stored.get(item["OrderID"])
            if before is None:
                # Removed between the insert and the read: the next delivery inserts it.
                outcomes[index] = Outcome(Result.UNDONE, message="item vanished")
            elif before.get("Fingerprint") == item["Fingerprint"]:
                outcomes[index] = Outcome(Result.DUPLICATE, before)
            else:
                outcomes[index] = Outcome(Result.CONFLICT, before)
        return outcomes

    def _read(self, order_ids: Sequence[str]) -> dict[str, dict[str, Any]]:
        found: dict[str, dict[str, Any]] = {}
        for chunk in _chunks(order_ids, KEYS_PER_READ):
            request: dict[str, Any] = {
                self._name: {
                    "Keys": [{"OrderID": {"S": order_id}} for order_id in chunk],
                    "ConsistentRead": True,
                    "ProjectionExpression": ", ".join(_COMPARED),
                }
            }
            while request:
                answer = self._call("batch_get_item", RequestItems=request)
                for item in answer["Responses"].get(self._name, ()):
                    plain = {name: plain_value(value) for name, value in item.items()}
                    found[plain["OrderID"]] = plain
                request = answer.get("UnprocessedKeys") or {}
        return found

    def _call(self, operation: str, **parameters: Any) -> Any:
        try:
            return getattr(self._client, operation)(**parameters)
        except (ClientError, BotoCoreError) as error:
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
