"""The keys of S3 are spelled out in `object_keys` alone."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from reference import PROJECT
from reference.layers import MODULES

from orderstream.domain import object_keys

PREFIXES = {value for name, value in vars(object_keys).items() if name.isupper() and str(value).endswith("/")}
# A prefix at the beginning of a text, or in it. No path of the API, no log group, no rate (orders/s).
LITERAL = re.compile(
    rf"(?<![\w/.-])({'|'.join(map(re.escape, sorted(PREFIXES)))})(?!s\b)"
    rf"|\b({'|'.join(object_keys.PARTITIONS)})="
    r"|\.ndjson\.gz"
)
# What takes a prefix, which without its slash would pass for a word.
TAKE_A_PREFIX = {"beside_hours", "list_by_hour", "list_prefix", "put_by_hour"} | {
    name for name in vars(object_keys) if "prefix" in name or name == "batch_key"
}
# How the keys of batches are told from others, other than by `is_batch`.
IS_BATCH = ("endswith", ".gz")


def literals(source: str) -> Iterator[str]:
    """The texts of a module, but for its docstrings, that look like a key or stand for a prefix."""
    docstrings = set()
    # A statement comes before the expression in it.
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Expr):
            docstrings.add(node.value)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in docstrings:
            if LITERAL.search(node.value):
                yield f"{node.lineno}: {node.value}"
        elif isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            given = [one.value for one in node.args if isinstance(one, ast.Constant)]
            if name in TAKE_A_PREFIX and any(isinstance(one, str) and one for one in given):
                yield f"{node.lineno}: {name} of {given}"
            if (name, *given) == IS_BATCH:
                yield f"{node.lineno}: {name} of {given}"


def test_only_object_keys_spells_a_key_out() -> None:
    sources = {*MODULES, *(PROJECT / "bench").rglob("*.py")} - {Path(object_keys.__file__)}
    found = {source: list(literals(source.read_text())) for source in sources}
    assert {source: texts for source, texts in found.items() if texts} == {}


@pytest.mark.parametrize(
    "source",
    [
        'key = f"orders/{order_id}.json"',
        'key = bucket + "/manifests/x".replace("/manifests/", "manifests/")',
        'folder = f"{prefix}year={year}"',
        'is_batch = key.endswith(".gz")',
        'entries = bucket.list_by_hour(deployment, "quarantine")',
        "key = object_keys.batch_key('orders', hour, shard, numbers, events)",
    ],
)
def test_a_key_that_is_spelled_out_is_found(source: str) -> None:
    assert len(list(literals(source))) == 1


@pytest.mark.parametrize(
    "source",
    [
        'route = "/orders/{order_id}"',
        'group = "/aws/lambda/ProcessOrders"',
        'rate = f"{count} orders/s"',
        'def keys():\n    """Under orders/."""',
        'table = views["quarantine"]',
    ],
)
def test_what_is_no_key_is_not_found(source: str) -> None:
    assert list(literals(source)) == []
