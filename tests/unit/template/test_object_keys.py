"""template.yaml spells out the prefixes that `object_keys` has: change a literal here where one fails."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from orderstream.deploy.artifact import TEMPLATE
from orderstream.deploy.parameters import document
from orderstream.domain.object_keys import (
    COMPACTED,
    EVIDENCE,
    LINES,
    LOCKS,
    MANIFESTS,
    ORDERS,
    PARTITIONS,
    QUARANTINE,
)

RESOURCES: dict[str, Any] = document(TEMPLATE)["Resources"]
TABLES = {
    "ArchiveLines": ORDERS,
    "ArchiveObjects": ORDERS,
    "QuarantineLines": QUARANTINE,
    "Compacted": COMPACTED,
}


def texts(node: Any) -> Iterator[str]:
    """Every string in a part of the template."""
    if isinstance(node, str):
        yield node
    elif isinstance(node, dict | list):
        for one in node.values() if isinstance(node, dict) else node:
            yield from texts(one)


def prefixes_of_arns(node: Any) -> list[str]:
    """The prefixes of the archive's keys that policies name."""
    return [found for text in texts(node) for found in re.findall(r"^\$\{Archive\.Arn\}/([^*]+)\*$", text)]


def statement(sid: str) -> Any:
    policy = RESOURCES["ArchivePolicy"]["Properties"]["PolicyDocument"]["Statement"]
    (found,) = (one for one in policy if one["Sid"] == sid)
    return found


def test_policies_name_prefixes_that_there_are() -> None:
    assert set(prefixes_of_arns(RESOURCES)) == {*LINES, *EVIDENCE, LOCKS}


def test_the_buckets_policy_guards_what_is_written_once() -> None:
    assert prefixes_of_arns(statement("WriteOnce")) == [ORDERS, QUARANTINE]
    assert prefixes_of_arns(statement("WriteEvidenceOnce")) == list(EVIDENCE)
    assert prefixes_of_arns(statement("DenyManifestDeletion")) == [MANIFESTS]


def test_lifecycle_rules_are_for_lines_and_locks_and_never_for_evidence() -> None:
    rules = RESOURCES["Archive"]["Properties"]["LifecycleConfiguration"]["Rules"]
    prefixes = re.findall(r"'Prefix': '([^']*)'", str(rules))
    assert set(prefixes) == {*LINES, LOCKS}


def test_tables_lie_under_their_prefix_by_the_hour() -> None:
    hours = "".join(f"{name}=${{!{name}}}/" for name in PARTITIONS)
    found = {
        name: one["Properties"]["TableInput"]
        for name, one in RESOURCES.items()
        if one["Type"] == "AWS::Glue::Table"
        and one["Properties"]["TableInput"]["TableType"] == "EXTERNAL_TABLE"
    }
    assert found.keys() == TABLES.keys()
    for name, table in found.items():
        place = f"s3://${{Archive}}/{TABLES[name]}"
        assert table["StorageDescriptor"]["Location"] == {"Fn::Sub": place}
        if "PartitionKeys" in table:
            assert table["Parameters"]["storage.location.template"] == {"Fn::Sub": place + hours}
            assert [one["Name"] for one in table["PartitionKeys"]] == list(PARTITIONS)
            projected = re.findall(r"projection\.(\w+)\.type", " ".join(table["Parameters"]))
            assert projected == list(PARTITIONS)
