"""The table: conditional inserts in batches of 25, with each response matched by index (G2, G3)."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Sequence
from enum import Enum
from functools import cache
from typing import Any

import msgspec

from orderstream.errors import CloudError
from orderstream.pipeline.attributes import ENCODERS, plain_value
from orderstream.pipeline.concurrency import ParallelMap
from orderstream.pipeline.dynamo import (
    MAX_CONSECUTIVE_FAILURES,
    PERMANENT,
    CallFailedError,
    execute,
)
from orderstream.sdk.retries import TRANSIENT, backoff

STATEMENTS_PER_CALL = 25
# The size of the items in a call, as plain JSON. AWS documents no size limit for such a call; this one bounds
# the memory of concurrent calls.
BYTES_PER_CALL = 512 * 1024
KEYS_PER_READ = 100

# The attributes read of an existing item: enough to compare it, and to show it in a conflict.
_COMPARED = (
    "OrderID",
    "CustomerID",
    "OrderAmount",
    "OrderDate",
    "EventID",
    "ReceivedAt",
    "ArchiveKey",
    "Fingerprint",
    "NormalizedFingerprint",
)


class InsertResult(Enum):
    """The outcome of one item. CONFLICT: an item with another fingerprint exists."""

    STORED = "stored"
    DUPLICATE = "duplicate"
    CONFLICT = "conflict"
    REFUSED = "refused"
    RETRY = "retry"


class InsertOutcome(msgspec.Struct, frozen=True):
    """The result for one item; `stored` is the existing item (duplicate, conflict), `message` DynamoDB's."""

    result: InsertResult
    stored: dict[str, Any] = {}
    message: str = ""


_STORED = InsertOutcome(InsertResult.STORED)
_JSON = msgspec.json.Encoder()

# The result of a call: the error of each statement ({} for none), None if out of time, or why it failed.
_Answer = list[dict[str, Any]] | CloudError | CallFailedError | None


class OrderTable:
    """The DynamoDB table of orders.

    `client` is a botocore client; `each` decides how many calls run concurrently. `sleep` and `jitter` can be
    replaced.
    """

    def __init__(
        self,
        client: Any,
        name: str,
        *,
        each: ParallelMap = map,
        sleep: Callable[[float], None] = time.sleep,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._client = client
        self._name = name
        self.each = each
        self._sleep = sleep
        self._jitter = jitter

    def insert(
        self, items: Sequence[dict[str, Any]], seconds_left: Callable[[], float]
    ) -> list[InsertOutcome]:
        """Insert items with distinct OrderID; return an outcome for each, in order.

        Attributes are text, Decimal, int, lists and dicts. Only throttled items are tried again, with
        growing random pauses, while `seconds_left()` lasts; then their outcome is RETRY. So is that of all
        remaining items if DynamoDB is down. Raises CloudError if the table cannot be used at all.
        """
        outcomes: dict[int, InsertOutcome] = {}
        sizes = [len(_JSON.encode(item)) for item in items]
        waiting: Sequence[int] = range(len(items))
        attempt = failed_calls = 0
        while waiting:
            again: list[int] = []
            there: list[int] = []
            chunks = list(_calls(waiting, sizes))
            answers = self._insert_each(chunks, items, seconds_left, is_first=attempt == 0)
            for chunk, answer in zip(chunks, answers, strict=True):
                if not isinstance(answer, list):
                    message = str(answer or "out of time")
                    outcomes |= {index: InsertOutcome(InsertResult.RETRY, message=message) for index in chunk}
                    again += chunk if answer else ()
                    continue
                for index, error in zip(chunk, answer, strict=True):
                    outcome = self._outcome(error) if error else _STORED
                    if outcome is None:
                        there.append(index)
                        continue
                    outcomes[index] = outcome
                    if outcome.result is InsertResult.RETRY:
                        again.append(index)
            outcomes |= self._compare(there, items, seconds_left)
            failed_calls = _failed_in_a_row(answers, failed_calls)
            pause = self._pause(attempt)
            if again and (failed_calls >= MAX_CONSECUTIVE_FAILURES or pause >= seconds_left()):
                break
            if again:
                self._sleep(pause)
            waiting = again
            attempt += 1
        return [outcomes[index] for index in range(len(items))]

    def _insert_each(
        self,
        chunks: Sequence[Sequence[int]],
        items: Sequence[dict[str, Any]],
        seconds_left: Callable[[], float],
        *,
        is_first: bool,
    ) -> list[_Answer]:
        """Send each chunk in a call of its own; after a failed call, start no other."""
        failures: list[CloudError | CallFailedError] = []

        def send(numbered: tuple[int, Sequence[int]]) -> _Answer:
            number, chunk = numbered
            if failures:
                return failures[0]
            # The very first call is always made, so that there is progress.
            if seconds_left() <= 0 and not (is_first and number == 0):
                return None
            try:
                return self._insert_once([items[index] for index in chunk])
            except (CloudError, CallFailedError) as failure:
                failures.append(failure)
                return failure

        answers = list(self.each(send, enumerate(chunks)))
        for failure in failures:
            if isinstance(failure, CloudError):
                raise failure
        return answers

    def _outcome(self, error: dict[str, Any]) -> InsertOutcome | None:
        """The outcome for one statement's error; None if an existing item must be compared."""
        code = error.get("Code", "")
        if code == "DuplicateItem":
            return None
        if code in TRANSIENT:
            return InsertOutcome(InsertResult.RETRY, message=code)
        if code in PERMANENT:
            return InsertOutcome(InsertResult.REFUSED, message=error.get("Message", code))
        raise CloudError(f"table {self._name}: {code}: {error.get('Message', '')}")

    def _pause(self, attempt: int) -> float:
        return backoff(attempt + 1, self._jitter())

    def _insert_once(self, items: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        statements = [
            {
                "Statement": _statement(self._name, tuple(item)),
                "Parameters": [ENCODERS[type(value)](value) for value in item.values()],
            }
            for item in items
        ]
        answer = execute(self._client, self._name, "batch_execute_statement", Statements=statements)
        return [response.get("Error", {}) for response in answer["Responses"]]

    def _compare(
        self, indices: Sequence[int], items: Sequence[dict[str, Any]], seconds_left: Callable[[], float]
    ) -> dict[int, InsertOutcome]:
        stored = self.read([items[index]["OrderID"] for index in indices], seconds_left)
        outcomes: dict[int, InsertOutcome] = {}
        for index in indices:
            item = items[index]
            before = stored.get(item["OrderID"])
            if before is None:
                # Not read in time, or removed since the insert: the next delivery decides.
                outcomes[index] = InsertOutcome(
                    InsertResult.RETRY, message="the item that is there was not read"
                )
            elif before.get("Fingerprint") == item["Fingerprint"]:
                outcomes[index] = InsertOutcome(InsertResult.DUPLICATE, before)
            else:
                outcomes[index] = InsertOutcome(InsertResult.CONFLICT, before)
        return outcomes

    def read(self, order_ids: Sequence[str], seconds_left: Callable[[], float]) -> dict[str, dict[str, Any]]:
        """The compared attributes of the existing items that could be read in the time left, by OrderID."""
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
                answer = execute(
                    self._client, self._name, "batch_get_item", RequestItems={self._name: request}
                )
            except CallFailedError as failure:
                again, items = keys, []
                if failure.unreachable or attempt + 1 >= MAX_CONSECUTIVE_FAILURES:
                    return found
            else:
                items = answer["Responses"].get(self._name, [])
                later = answer.get("UnprocessedKeys", {}).get(self._name, {}).get("Keys", [])
                again = [key["OrderID"]["S"] for key in later]
            for item in items:
                plain = plain_value({"M": item})
                found[plain["OrderID"]] = plain
            # A partial response is normal; an empty one means that the table is throttled.
            attempt = 0 if items or not again else attempt + 1
            pause = self._pause(attempt) if attempt else 0.0
            if (again or unread) and pause >= seconds_left():
                return found
            self._sleep(pause)
            unread = again + unread
        return found


def _failed_in_a_row(answers: Sequence[_Answer], before: int) -> int:
    """The number of consecutive failures after `before` earlier ones. Those of one round count once."""
    failures = [answer for answer in answers if isinstance(answer, CallFailedError)]
    if not failures:
        return 0
    if any(failure.unreachable for failure in failures):
        return MAX_CONSECUTIVE_FAILURES
    return 1 if any(isinstance(answer, list) for answer in answers) else before + 1


@cache
def _statement(table: str, names: tuple[str, ...]) -> str:
    fields = ", ".join(f"'{name}': ?" for name in names)
    return f'INSERT INTO "{table}" VALUE {{{fields}}}'


def _calls(indices: Sequence[int], sizes: Sequence[int]) -> Iterator[Sequence[int]]:
    """The indices for each call: within the limits of statements and bytes, or a single one."""
    begin = size = 0
    for place, index in enumerate(indices):
        if place - begin == STATEMENTS_PER_CALL or (size and size + sizes[index] > BYTES_PER_CALL):
            yield indices[begin:place]
            begin, size = place, 0
        size += sizes[index]
    yield indices[begin:]
