"""Every code that the code uses has a meaning, and every meaning is that of a code."""

from __future__ import annotations

import ast
from collections import Counter

from reference.codes import calls
from reference.layers import MODULES, package_of

from orderstream.archive.evidence import FINDINGS
from orderstream.errors import STATUSES, OrderstreamError
from orderstream.recovery.reconciliation_store import DISCREPANCIES


def used(package: str) -> set[str]:
    """The literal texts that the sources of a package have at least twice: declared, and used."""
    counts = Counter(
        node.value
        for module in MODULES
        if package_of(module) == package
        for node in ast.walk(ast.parse(module.read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    )
    return {text for text, count in counts.items() if count > 1}


def errors(of: type[OrderstreamError]) -> set[int]:
    return {of.exit_code}.union(*(errors(one) for one in of.__subclasses__()))


def test_a_kind_of_finding_that_is_reported_is_declared() -> None:
    reported = {kind for kind, _ in calls(("archive",), {"Finding": (0, 2)})}
    assert reported <= set(FINDINGS) <= used("archive")
    assert len(reported) > 5


def test_a_kind_of_discrepancy_that_is_reported_is_declared() -> None:
    reported = {kind for kind, _ in calls(("recovery",), {"Discrepancy": (0, 2)})}
    assert reported and reported <= set(DISCREPANCIES) <= used("recovery")


def test_every_exit_status_has_a_meaning() -> None:
    assert errors(OrderstreamError) | {0} == set(STATUSES)
