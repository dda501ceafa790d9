"""The table WebhookEndpoints: registered endpoints, their state, and the lease of the sender of each."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import msgspec
from botocore.exceptions import ClientError

from orderstream.feed.cloud_event import ERASED
from orderstream.pipeline.attributes import attribute_value, plain_value
from orderstream.sdk.errors import error_code, translate_errors

_REFUSED = "ConditionalCheckFailedException"


class State(msgspec.Struct, frozen=True):
    """How an endpoint answers. Times are in seconds since the epoch, 0 for none.

    `failures` is how many requests failed in a row, `pauses` how often it was paused since the last success,
    and `failing_since` when it was paused first. `off` is why it was switched off, "" if it was not.
    """

    failures: int = 0
    failing_since: float = 0.0
    pauses: int = 0
    paused_until: float = 0.0
    off: str = ""
    last_error: str = ""


class Webhook(msgspec.Struct, frozen=True):
    """A registered endpoint. `types` are the events that it wants, such as `paid`; all if there are none.

    `old_secret_until` is until when the secret before the last rotation also signs. Times as in `State`.
    """

    id: str
    url: str
    created_at: str
    types: tuple[str, ...] = ()
    state: State = State()
    old_secret_until: float = 0.0

    def wants(self, kind: str) -> bool:
        """Whether it gets events of this kind, such as `paid`.

        All get the erasure of an order: whoever has data of it has to delete that.
        """
        return not self.state.off and (not self.types or kind in self.types or kind == ERASED)


class Registry:
    """The table WebhookEndpoints; `client` is a botocore client. Raises CloudError."""

    def __init__(self, client: Any, table: str) -> None:
        self._client = client
        self._table = table

    def all(self) -> list[Webhook]:
        """All webhooks, by when they were made."""
        return sorted(self._scan(), key=lambda one: (one.created_at, one.id))

    def get(self, webhook_id: str) -> Webhook | None:
        """A webhook, None if there is none with this id."""
        with translate_errors(f"table {self._table}"):
            answer = self._client.get_item(TableName=self._table, Key=_key(webhook_id), ConsistentRead=True)
        return _webhook(answer["Item"]) if "Item" in answer else None

    def add(self, webhook: Webhook) -> None:
        """Add a webhook without a state."""
        item: dict[str, Any] = {
            "WebhookID": webhook.id,
            "Url": webhook.url,
            "CreatedAt": webhook.created_at,
            "Types": list(webhook.types),
        }
        with translate_errors(f"table {self._table}"):
            self._client.put_item(
                TableName=self._table, Item={name: attribute_value(value) for name, value in item.items()}
            )

    def remove(self, webhook_id: str) -> None:
        """Remove a webhook, if it is there."""
        with translate_errors(f"table {self._table}"):
            self._client.delete_item(TableName=self._table, Key=_key(webhook_id))

    def acquire(self, webhook_id: str, owner: str, now: float, until: float) -> Webhook | None:
        """Take the lease of a webhook until then, in seconds since the epoch.

        None if another sender has it, or if the webhook is paused, switched off or removed.
        """
        return self._update(
            webhook_id,
            "SET LeaseOwner = :owner, LeaseUntil = :until",
            "attribute_exists(WebhookID) AND attribute_not_exists(OffReason)"
            " AND (attribute_not_exists(LeaseUntil) OR LeaseUntil <= :now)"
            " AND (attribute_not_exists(PausedUntil) OR PausedUntil <= :now)",
            {":owner": owner, ":until": number(until), ":now": number(now)},
        )

    def is_held(self, webhook_id: str, owner: str) -> bool:
        """Whether this owner still has the lease, and the webhook was not removed or switched off."""
        with translate_errors(f"table {self._table}"):
            answer = self._client.get_item(TableName=self._table, Key=_key(webhook_id), ConsistentRead=True)
        item = answer.get("Item", {})
        return item.get("LeaseOwner") == {"S": owner} and "OffReason" not in item

    def release(self, webhook_id: str, owner: str, state: State) -> None:
        """Store the state of a webhook and give its lease back, unless somebody else has it by now."""
        given = {
            "Failures": state.failures,
            "FailingSince": number(state.failing_since),
            "Pauses": state.pauses,
            "PausedUntil": number(state.paused_until),
            "LastError": state.last_error,
        }
        if state.off:
            given["OffReason"] = state.off
        sets = ", ".join(f"{name} = :{name}" for name in given)
        self._update(
            webhook_id,
            f"SET {sets} REMOVE LeaseOwner, LeaseUntil",
            "LeaseOwner = :owner",
            {f":{name}": value for name, value in given.items()} | {":owner": owner},
        )

    def reset(self, webhook_id: str) -> bool:
        """Switch a webhook on and end its pause. Return whether it is there."""
        gone = "OffReason, PausedUntil, Pauses, Failures, FailingSince, LastError"
        return self._update(webhook_id, f"REMOVE {gone}", "attribute_exists(WebhookID)") is not None

    def keep_old_secret(self, webhook_id: str, until: float) -> bool:
        """Let the secret before the next rotation sign until then. Return whether the webhook is there."""
        values = {":until": number(until)}
        condition = "attribute_exists(WebhookID)"
        return self._update(webhook_id, "SET OldSecretUntil = :until", condition, values) is not None

    def _scan(self) -> Iterator[Webhook]:
        start: dict[str, Any] = {}
        while True:
            with translate_errors(f"table {self._table}"):
                answer = self._client.scan(TableName=self._table, ConsistentRead=True, **start)
            yield from map(_webhook, answer["Items"])
            if not answer.get("LastEvaluatedKey"):
                return
            start = {"ExclusiveStartKey": answer["LastEvaluatedKey"]}

    def _update(
        self, webhook_id: str, expression: str, condition: str, values: dict[str, Any] | None = None
    ) -> Webhook | None:
        """Update a webhook; None if the condition does not hold."""
        given = {name: attribute_value(value) for name, value in (values or {}).items()}
        with translate_errors(f"table {self._table}"):
            try:
                answer = self._client.update_item(
                    TableName=self._table,
                    Key=_key(webhook_id),
                    UpdateExpression=expression,
                    ConditionExpression=condition,
                    ReturnValues="ALL_NEW",
                    **({"ExpressionAttributeValues": given} if given else {}),
                )
            except ClientError as error:
                if error_code(error) != _REFUSED:
                    raise
                return None
        return _webhook(answer["Attributes"])


def number(seconds: float) -> Decimal:
    """A time in seconds, to the millisecond, as it is stored."""
    return Decimal(f"{seconds:.3f}")


def _key(webhook_id: str) -> dict[str, Any]:
    return {"WebhookID": attribute_value(webhook_id)}


def _webhook(item: dict[str, Any]) -> Webhook:
    found = plain_value({"M": item})
    return Webhook(
        id=found["WebhookID"],
        url=found["Url"],
        created_at=found["CreatedAt"],
        types=tuple(found.get("Types", ())),
        state=State(
            failures=int(found.get("Failures", 0)),
            failing_since=float(found.get("FailingSince", 0)),
            pauses=int(found.get("Pauses", 0)),
            paused_until=float(found.get("PausedUntil", 0)),
            off=found.get("OffReason", ""),
            last_error=found.get("LastError", ""),
        ),
        old_secret_until=float(found.get("OldSecretUntil", 0)),
    )
