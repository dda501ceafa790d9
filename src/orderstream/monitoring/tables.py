"""How much of their capacity tables and indexes use, and what DynamoDB throttles. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from orderstream.aws.metrics import Metric
from orderstream.monitoring.figures import NOTHING, Minutes, counted, per_second

_CONSUMED = ("ConsumedWriteCapacityUnits", "ConsumedReadCapacityUnits")
_THROTTLED = ("WriteThrottleEvents", "ReadThrottleEvents")
_CLASSES = {"STANDARD_INFREQUENT_ACCESS": "infrequent-access"}


@dataclass(frozen=True, slots=True)
class TableLoad:
    """A table, or an index as TABLE/INDEX, over the last five minutes; units are per second.

    `write_capacity` and `read_capacity` are what is provisioned now, None on demand. The throttled ones are
    requests of those minutes, which are retried.
    """

    name: str
    written: float
    read: float
    write_capacity: int | None
    read_capacity: int | None
    throttled_writes: float
    throttled_reads: float


@dataclass(frozen=True, slots=True)
class TableLoads:
    """The tables of orders and their events, each with its indexes; values as of the parameters."""

    billing: Literal["on-demand", "provisioned"]
    table_class: str
    loads: tuple[TableLoad, ...]


def metrics_of_tables(described: Sequence[Mapping[str, Any]]) -> dict[str, tuple[Metric, ...]]:
    """The metrics of tables, as described by DescribeTable, and of their indexes, by the name of a load."""
    return {
        name: tuple(Metric("AWS/DynamoDB", one, dimensions) for one in (*_CONSUMED, *_THROTTLED))
        for name, dimensions, _ in _places(described)
    }


def loads_of_tables(
    described: Sequence[Mapping[str, Any]], figures: Mapping[str, Sequence[Minutes]], until: int
) -> TableLoads:
    """The loads from the `figures` of `metrics_of_tables`, by name, up to `until`."""
    first = described[0]
    # DynamoDB does not say the mode of a table that was never on demand.
    is_provisioned = first.get("BillingModeSummary", {}).get("BillingMode", "PROVISIONED") == "PROVISIONED"
    loads = []
    for name, _, about in _places(described):
        written, read, throttled_writes, throttled_reads = figures.get(name, (NOTHING,) * 4)
        capacity = about["ProvisionedThroughput"] if is_provisioned else {}
        loads.append(
            TableLoad(
                name,
                per_second(written, until).five_minutes,
                per_second(read, until).five_minutes,
                capacity.get("WriteCapacityUnits"),
                capacity.get("ReadCapacityUnits"),
                counted(throttled_writes, until).five_minutes,
                counted(throttled_reads, until).five_minutes,
            )
        )
    kind = _CLASSES.get(first.get("TableClassSummary", {}).get("TableClass", ""), "standard")
    return TableLoads("provisioned" if is_provisioned else "on-demand", kind, tuple(loads))


def _places(
    described: Sequence[Mapping[str, Any]],
) -> Iterator[tuple[str, tuple[tuple[str, str], ...], Mapping[str, Any]]]:
    """The name of each table and index, the dimensions of its metrics, and what describes it."""
    for table in described:
        name = table["TableName"]
        yield name, (("TableName", name),), table
        for one in table.get("GlobalSecondaryIndexes", ()):
            index = one["IndexName"]
            yield f"{name}/{index}", (("TableName", name), ("GlobalSecondaryIndexName", index)), one
