"""The table of orders: conditional inserts in batches (G2, G3), and reads of what is compared with them."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from enum import Enum
from functools import cache
from typing import Any

import msgspec

from orderstream.domain.fold import PENDING_ORDER, STATE, is_placeholder
from orderstream.pipeline.attributes import ENCODERS, plain_value
from orderstream.pipeline.concurrency import ParallelMap
from orderstream.pipeline.dynamo import MAX_CONSECUTIVE_FAILURES, CallFailedError, execute
from orderstream.pipeline.statements import Executed, Render, Result, Statements

KEYS_PER_READ = 100

# The attributes read of an existing item: enough to compare it, to show it in a conflict, and to know whether
# events wait for it.
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
    "Pending",
)
# Of these, an item needs what its events change or are compared with.
OF_STATE = tuple(dict.fromkeys((*_COMPARED, *STATE, "Currency", "Items")))


class InsertResult(Enum):
    """The outcome of one item. CONFLICT: an item with another fingerprint exists."""

    STORED = "stored"
    DUPLICATE = "duplicate"
    CONFLICT = "conflict"
    REFUSED = "refused"
    RETRY = "retry"


class InsertOutcome(msgspec.Struct, frozen=True):
    """The result for one item; `stored` is the existing item (duplicate, conflict), `message` DynamoDB's.

    `has_events`: events of the order arrived before it and wait.
    """

    result: InsertResult
    stored: dict[str, Any] = {}
    message: str = ""
    has_events: bool = False


_STORED = InsertOutcome(InsertResult.STORED)
_JSON = msgspec.json.Encoder()


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
        self.name = name
        self.each = each
        self.statements = Statements(client, name, each=each, sleep=sleep, jitter=jitter)

    def insert(
        self, items: Sequence[dict[str, Any]], seconds_left: Callable[[], float]
    ) -> list[InsertOutcome]:
        """Insert items with distinct OrderID; return an outcome for each, in order.

        Attributes are text, Decimal, int, lists and dicts. Only throttled items are tried again, with
        growing random pauses, while `seconds_left()` lasts; then their outcome is RETRY. So is that of all
        remaining items if DynamoDB is down. Raises CloudError if the table cannot be used at all.
        """
        outcomes: dict[int, InsertOutcome] = {}
        for done in self.statements.rounds(inserts(self.name, items), sizes_of(items), seconds_left):
            there = [index for index, executed in done.items() if executed.result is Result.EXISTS]
            outcomes |= {
                index: _outcome(executed)
                for index, executed in done.items()
                if executed.result is not Result.EXISTS
            }
            compared = self._compare(there, items, seconds_left)
            placeholders = [index for index, outcome in compared.items() if is_placeholder(outcome.stored)]
            outcomes |= compared
            outcomes |= self._fill(placeholders, items, seconds_left)
        return [outcomes[index] for index in range(len(items))]

    def put_absent(
        self, items: Sequence[dict[str, Any]], seconds_left: Callable[[], float]
    ) -> list[Executed]:
        """Insert items with distinct OrderID, as `insert` does, but compare them with nothing."""
        return self.statements.execute(inserts(self.name, items), sizes_of(items), seconds_left)

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
                continue
            is_same = before.get("Fingerprint") == item["Fingerprint"]
            result = InsertResult.DUPLICATE if is_same else InsertResult.CONFLICT
            # The delivery that stored the order may have ended before its events were applied.
            outcomes[index] = InsertOutcome(result, before, has_events=before.get("Pending") == PENDING_ORDER)
        return outcomes

    def _fill(
        self, indices: Sequence[int], items: Sequence[dict[str, Any]], seconds_left: Callable[[], float]
    ) -> dict[int, InsertOutcome]:
        """Put items in the place of placeholders; Pending stays until their events are applied."""

        def render(number: int) -> tuple[str, list[dict[str, Any]]]:
            item = {name: value for name, value in items[indices[number]].items() if name != "OrderID"}
            names = " ".join(f'SET "{name}"=?' for name in item)
            text = f'UPDATE "{self.name}" {names} WHERE "OrderID"=? AND "EventID" IS MISSING'
            values = [*item.values(), items[indices[number]]["OrderID"]]
            return text, [ENCODERS[type(value)](value) for value in values]

        sizes = sizes_of([items[index] for index in indices])
        outcomes: dict[int, InsertOutcome] = {}
        for index, executed in zip(
            indices, self.statements.execute(render, sizes, seconds_left) if indices else (), strict=True
        ):
            if executed.result is Result.CHANGED:
                outcomes |= self._compare([index], items, seconds_left)
            else:
                outcomes[index] = msgspec.structs.replace(_outcome(executed), has_events=True)
        return outcomes

    def read(
        self,
        order_ids: Sequence[str],
        seconds_left: Callable[[], float],
        attributes: Sequence[str] = _COMPARED,
    ) -> dict[str, dict[str, Any]]:
        """The attributes of the existing items that could be read in the time left, by OrderID."""
        found: dict[str, dict[str, Any]] = {}
        unread = list(order_ids)
        attempt = 0
        # Some are reserved words of DynamoDB.
        names = {f"#{number}": name for number, name in enumerate(attributes)}
        while unread:
            keys, unread = unread[:KEYS_PER_READ], unread[KEYS_PER_READ:]
            request = {
                "Keys": [{"OrderID": {"S": order_id}} for order_id in keys],
                "ConsistentRead": True,
                "ProjectionExpression": ", ".join(names),
                "ExpressionAttributeNames": names,
            }
            try:
                answer = execute(self._client, self.name, "batch_get_item", RequestItems={self.name: request})
            except CallFailedError as failure:
                again, items = keys, []
                if failure.unreachable or attempt + 1 >= MAX_CONSECUTIVE_FAILURES:
                    return found
            else:
                items = answer["Responses"].get(self.name, [])
                later = answer.get("UnprocessedKeys", {}).get(self.name, {}).get("Keys", [])
                again = [key["OrderID"]["S"] for key in later]
            for item in items:
                plain = plain_value({"M": item})
                found[plain["OrderID"]] = plain
            # A partial response is normal; an empty one means that the table is throttled.
            attempt = 0 if items or not again else attempt + 1
            pause = self.statements.pause(attempt) if attempt else 0.0
            if (again or unread) and pause >= seconds_left():
                return found
            self.statements.sleep(pause)
            unread = again + unread
        return found


def _outcome(executed: Executed) -> InsertOutcome:
    if executed.result is Result.DONE:
        return _STORED
    return InsertOutcome(InsertResult(executed.result.value), message=executed.message)


def sizes_of(items: Sequence[dict[str, Any]]) -> list[int]:
    """The size of each item as plain JSON, in bytes."""
    return [len(_JSON.encode(item)) for item in items]


def inserts(table: str, items: Sequence[dict[str, Any]]) -> Render:
    """Renders the statements that insert the items, each unless its key exists."""

    def render(index: int) -> tuple[str, list[dict[str, Any]]]:
        item = items[index]
        return _insert(table, tuple(item)), [
            {"S": value} if type(value) is str else ENCODERS[type(value)](value) for value in item.values()
        ]

    return render


@cache
def _insert(table: str, names: tuple[str, ...]) -> str:
    fields = ", ".join(f"'{name}': ?" for name in names)
    return f'INSERT INTO "{table}" VALUE {{{fields}}}'
