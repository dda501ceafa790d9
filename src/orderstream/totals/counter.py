"""Count orders in the table Totals, each exactly once, however often its changes are delivered.

A row for each order says what is counted of it, and up to which position of the table's stream. One
transaction replaces that row and adds the difference to the buckets. It fails if the row is no longer the one
that was read.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import msgspec
from botocore.exceptions import ClientError

from orderstream.errors import CloudError
from orderstream.pipeline.dynamo import CallFailedError, execute
from orderstream.sdk.errors import error_code
from orderstream.sdk.retries import TRANSIENT, backoff
from orderstream.totals import rows
from orderstream.totals.contribution import Bucket, Contribution, Sums, added
from orderstream.totals.rows import OrderRow, Row

# A transaction has at most 100 actions: the row of each order, the bucket that it leaves, and the one that it
# enters.
ORDERS_AT_ONCE = 33
# Longer than the table's stream keeps changes, which is as long as one can be delivered again.
KEEP_ERASED_SECONDS = 2 * 86_400
# Reasons for which a transaction is cancelled and may succeed later. "None" is that of its other actions.
_PASSING = TRANSIENT | {"None", "ConditionalCheckFailed"}
_CONFLICTS = frozenset({"TransactionCanceledException", "TransactionInProgressException"})


class Counted(msgspec.Struct, frozen=True):
    """An order as it is to be counted: what it adds, None if nothing.

    `position` is that of its latest change in the table's stream, as text that sorts; "" for what a scan has
    read, which counts only if nothing of the order does.
    """

    order_id: str
    position: str
    contribution: Contribution | None


class TotalsTable:
    """The table Totals. `now` (seconds since 1970), `sleep` and `jitter` can be replaced."""

    def __init__(
        self,
        client: Any,
        name: str,
        *,
        now: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._client = client
        self._name = name
        self._now = now
        self._sleep = sleep
        self._jitter = jitter

    def count(
        self, orders: Sequence[Counted], seconds_left: Callable[[], float], only: int | None = None
    ) -> CallFailedError | None:
        """Count at most ORDERS_AT_ONCE different orders: all, or none and return why.

        What is counted already is not counted again. With `only`, nothing is counted in another generation.
        Raises CloudError if the table cannot be used at all.
        """
        failures = 0
        while True:
            try:
                self._try_to_count(orders, only)
                return None
            except CallFailedError as failure:
                failures += 1
                pause = backoff(failures, self._jitter())
                if pause >= seconds_left():
                    return failure
            self._sleep(pause)

    def _try_to_count(self, orders: Sequence[Counted], only: int | None) -> None:
        generation = self._generation()
        if only not in (None, generation):
            return
        keys = [rows.order_key(generation, order.order_id) for order in orders]
        stored = self._read(keys)
        changes: list[tuple[Bucket, Sums]] = []
        actions: list[Row] = []
        for order, key in zip(orders, keys, strict=True):
            row = stored.get(_name_of(key))
            before = rows.read_order_row(row) if row else None
            if not _is_new(order, before):
                continue
            actions.append(self._replace(generation, order, before))
            if before and before.counted:
                changes.append((before.counted.bucket, -before.counted.sums))
            if order.contribution:
                changes.append((order.contribution.bucket, order.contribution.sums))
        differences = added(changes)
        left = [bucket for bucket, sums in differences.items() if sums.orders < 0]
        counts = self._read([rows.bucket_key(generation, bucket) for bucket in left])
        for bucket, sums in differences.items():
            key = rows.bucket_key(generation, bucket)
            actions.append(self._add(key, bucket, sums, counts.get(_name_of(key))))
        if actions:
            self._transact(actions)

    def _generation(self) -> int:
        """The current generation of the rows. It is read after the records were, so a rebuild misses none."""
        meta = self._read([rows.META]).get(_name_of(rows.META), {})
        return int(meta.get("Generation", {"N": "0"})["N"])

    def _replace(self, generation: int, order: Counted, before: OrderRow | None) -> Row:
        """The action that replaces the row of an order, if it is still the one that was read."""
        if order.contribution:
            item = rows.order_row(generation, order.order_id, order.position, order.contribution)
        else:
            expires_at = int(self._now()) + KEEP_ERASED_SECONDS
            item = rows.erased_row(generation, order.order_id, order.position, expires_at)
        put: Row = {"TableName": self._name, "Item": item}
        if before is None:
            put["ConditionExpression"] = "attribute_not_exists(PK)"
        else:
            put["ConditionExpression"] = "#position = :read"
            put["ExpressionAttributeNames"] = {"#position": "Position"}
            put["ExpressionAttributeValues"] = {":read": {"S": before.position}}
        return {"Put": put}

    def _add(self, key: Row, bucket: Bucket, sums: Sums, row: Row | None) -> Row:
        """The action that adds to a bucket, or deletes it with its last order. `row` is the bucket if orders
        leave it.
        """
        action: Row = {"TableName": self._name, "Key": key}
        names, values = {}, {}
        if sums.orders < 0:
            left = int((row or {}).get("Orders", {"N": "0"})["N"]) + sums.orders
            # Below zero the row was damaged. It is counted all the same: the check finds it.
            if left >= 0:
                sign = "=" if left == 0 else ">"
                action["ConditionExpression"] = f"#orders {sign} :leave"
                names["#orders"], values[":leave"] = "Orders", {"N": str(-sums.orders)}
            if left == 0:
                names_and_values = {"ExpressionAttributeNames": names, "ExpressionAttributeValues": values}
                return {"Delete": action | names_and_values}
        sets, adds = [], []
        for name, value in rows.bucket_texts(bucket).items():
            sets.append(f"#{name} = :{name}")
            names[f"#{name}"], values[f":{name}"] = name, value
        for number, (name, value) in enumerate(rows.sum_parts(sums).items()):
            adds.append(f"#add{number} :add{number}")
            names[f"#add{number}"], values[f":add{number}"] = name, value
        action["UpdateExpression"] = f"SET {', '.join(sets)} ADD {', '.join(adds)}"
        return {"Update": action | {"ExpressionAttributeNames": names, "ExpressionAttributeValues": values}}

    def _read(self, keys: Sequence[Row]) -> dict[tuple[str, str], Row]:
        """The rows with these keys (at most 100) that exist, by partition and sort key."""
        if not keys:
            return {}
        request = {"Keys": list(keys), "ConsistentRead": True}
        answer = execute(self._client, self._name, "batch_get_item", RequestItems={self._name: request})
        if answer.get("UnprocessedKeys"):
            raise CallFailedError(RuntimeError("the table did not return all rows: it is throttled"))
        return {_name_of(row): row for row in answer["Responses"].get(self._name, [])}

    def _transact(self, actions: list[Row]) -> None:
        try:
            execute(self._client, self._name, "transact_write_items", TransactItems=actions)
        except CloudError as error:
            if isinstance(error.__cause__, ClientError) and _passes(error.__cause__):
                raise CallFailedError(error.__cause__) from error
            raise


def latest(orders: Iterable[Counted]) -> dict[str, Counted]:
    """The latest of each order, in the order of the first ones."""
    return {order.order_id: order for order in orders}


def _is_new(order: Counted, before: OrderRow | None) -> bool:
    if before is None:
        return order.contribution is not None or bool(order.position)
    return order.position > before.position


def _name_of(key: Mapping[str, Any]) -> tuple[str, str]:
    return key["PK"]["S"], key["SK"]["S"]


def _passes(error: ClientError) -> bool:
    """Whether a transaction that failed may succeed later."""
    if error_code(error) not in _CONFLICTS:
        return False
    reasons: Any = error.response.get("CancellationReasons", [])
    return {reason.get("Code", "None") for reason in reasons} <= _PASSING
