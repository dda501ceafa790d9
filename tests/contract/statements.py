"""Statements as the pipeline sends them, executed by a client of DynamoDB."""

from __future__ import annotations

from typing import Any

from orderstream.pipeline.attributes import attribute_value
from tests.contract.conftest import TABLE

Item = dict[str, Any]


def insert(dynamo: Any, *items: Item, table: str = TABLE) -> list[str | None]:
    """The error code of each statement, None for success, in the order of the answers."""
    statements = [
        {
            "Statement": f'INSERT INTO "{table}" VALUE {{{_fields(item)}}}',
            "Parameters": [attribute_value(value) for value in item.values()],
        }
        for item in items
    ]
    answer = dynamo.batch_execute_statement(Statements=statements)
    return [response.get("Error", {}).get("Code") for response in answer["Responses"]]


def _fields(item: Item) -> str:
    return ", ".join(f"'{name}': ?" for name in item)
