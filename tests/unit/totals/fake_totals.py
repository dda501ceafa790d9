"""The table Totals in memory: reads, and transactions with the conditions and updates that are used."""

from __future__ import annotations

import copy
from collections.abc import Callable
from decimal import Context, Decimal, Inexact
from typing import Any

from botocore.exceptions import ClientError

from orderstream.testing.fakes import Around, Item, at_once, client_error

# As DynamoDB has them: a sum that does not fit is an error.
_NUMBERS = Context(prec=38, Emin=-130, Emax=125, traps=[Inexact])


def cancelled(*codes: str) -> ClientError:
    """The error of a transaction that was cancelled for these reasons, one for each action."""
    error = client_error("TransactionCanceledException")
    error.response["CancellationReasons"] = [{"Code": code} for code in codes]
    return error


class FakeTotals:
    """`rows` are in DynamoDB JSON, by partition and sort key. `around` decides about each call.

    Without `checks`, conditions always hold: that is the table that a wrong program would need.
    """

    def __init__(self, *, around: Around = at_once, checks: bool = True) -> None:
        self.rows: dict[tuple[str, str], Item] = {}
        self.around = around
        self.checks = checks
        self.transactions: list[int] = []
        self.before_transaction: Callable[[], None] = lambda: None

    def batch_get_item(self, RequestItems: dict[str, Any]) -> dict[str, Any]:
        ((table, request),) = RequestItems.items()
        assert request["ConsistentRead"]
        keys = [_name(key) for key in request["Keys"]]
        assert 0 < len(keys) <= 100 and len(set(keys)) == len(keys)

        def read() -> dict[str, Any]:
            found = [copy.deepcopy(self.rows[key]) for key in keys if key in self.rows]
            return {"Responses": {table: found}, "UnprocessedKeys": {}}

        return self.around("read", read)

    def transact_write_items(self, TransactItems: list[dict[str, Any]]) -> dict[str, Any]:
        self.before_transaction()
        return self.around("transact", lambda: self._transact(TransactItems))

    def _transact(self, actions: list[dict[str, Any]]) -> dict[str, Any]:
        assert 0 < len(actions) <= 100
        self.transactions.append(len(actions))
        keys = [_key_of(kind, action) for one in actions for kind, action in one.items()]
        assert len(set(keys)) == len(keys), "two actions on one row"
        found = [self._holds(*next(iter(one.items()))) for one in actions]
        if self.checks and not all(found):
            raise cancelled(*("None" if holds else "ConditionalCheckFailed" for holds in found))
        for one in actions:
            for kind, action in one.items():
                self._do(kind, action)
        return {}

    def _holds(self, kind: str, action: dict[str, Any]) -> bool:
        row = self.rows.get(_key_of(kind, action), {})
        match action.get("ConditionExpression", "").split():
            case []:
                return True
            case ["attribute_not_exists(PK)"]:
                return not row
            case [name, sign, value]:
                there = row.get(action["ExpressionAttributeNames"][name])
                wanted = action["ExpressionAttributeValues"][value]
                if there is None:
                    return False
                return there == wanted if sign == "=" else Decimal(there["N"]) > Decimal(wanted["N"])
            case condition:
                raise AssertionError(condition)

    def _do(self, kind: str, action: dict[str, Any]) -> None:
        key = _key_of(kind, action)
        if kind == "Put":
            self.rows[key] = copy.deepcopy(action["Item"])
        elif kind == "Delete":
            self.rows.pop(key, None)
        else:
            row = self.rows.setdefault(key, dict(action["Key"]))
            names, values = action["ExpressionAttributeNames"], action["ExpressionAttributeValues"]
            sets, _, adds = action["UpdateExpression"].removeprefix("SET ").partition(" ADD ")
            for one in sets.split(", "):
                name, value = one.split(" = ")
                row[names[name]] = values[value]
            for one in adds.split(", "):
                name, value = one.split(" ")
                before = Decimal(row.get(names[name], {"N": "0"})["N"])
                row[names[name]] = {"N": str(_NUMBERS.add(before, Decimal(values[value]["N"])))}


def _key_of(kind: str, action: dict[str, Any]) -> tuple[str, str]:
    return _name(action["Item" if kind == "Put" else "Key"])


def _name(key: dict[str, Any]) -> tuple[str, str]:
    return key["PK"]["S"], key["SK"]["S"]
