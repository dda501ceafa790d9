"""Size the storage: items in the table, objects in the archive."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from orderstream.capacity.demand import Layout, PlanInput
from orderstream.capacity.function import FunctionSizing, ceiling
from orderstream.capacity.prices import GB, HOURS_A_MONTH, KB


@dataclass(frozen=True)
class TableSizing:
    """The on-demand table of a plan. A write unit is a write of up to 1 KB.

    `units_per_order` is for the table alone; the index writes and bills as many again. `peak_units` is what
    the table and the index each need a second. Above `new_table_units` the table must be pre-warmed to
    `warm_units` (0: not needed), which costs `warm_dollars` once. `partitions` is the minimum that the peak
    needs. `stored_gb` is the storage of a month's orders, including the index.
    """

    item_bytes: int
    units_per_order: int
    billed_units_per_order: int
    peak_units: Decimal
    new_table_units: int
    warm_units: int
    warm_dollars: Decimal
    partitions: int
    stored_gb: Decimal
    recovery_gb: Decimal


@dataclass(frozen=True)
class ArchiveSizing:
    """The archive of a plan: a month's objects, their GB, and the same as one Parquet file per hour.

    A maintenance run processes an hour's objects. It takes `maintenance_seconds` on average and
    `maintenance_seconds_at_peak`, and reads `maintenance_reads` objects a month. `old_gb` is the size of the
    replaced objects stored at any time.
    """

    layout: Layout
    objects: Decimal
    object_bytes: Decimal
    gb: Decimal
    compacted_objects: int
    compacted_gb: Decimal
    maintenance_seconds: Decimal
    maintenance_seconds_at_peak: Decimal
    maintenance_reads: Decimal
    old_gb: Decimal


def item_bytes(given: PlanInput) -> int:
    """Bytes of an order's item as DynamoDB counts them: as given, or estimated from the order's size."""
    if given.demand.item_size is not None:
        return given.demand.item_size
    one = given.figures.bytes
    return ceiling(one.item + one.item_per_byte * given.demand.size)


def table(given: PlanInput) -> TableSizing:
    """The table for a demand. Its key, the order id, is well distributed; the index's is the customer."""
    limit = given.figures.dynamodb_limits
    size = item_bytes(given)
    units = -(-size // KB)
    copies = 2 if given.options.has_index else 1
    peak = given.demand.peak * units
    warm = 0 if peak <= limit.new_table_writes else ceiling(given.wanted * units)
    cold = max(0, warm - limit.new_table_writes) * copies
    stored = given.orders_a_month * (size + given.figures.bytes.item_stored) / GB
    return TableSizing(
        item_bytes=size,
        units_per_order=units,
        billed_units_per_order=units * copies,
        peak_units=peak,
        new_table_units=limit.new_table_writes,
        warm_units=warm,
        warm_dollars=cold * given.figures.dynamodb_prices.warm_write_unit,
        partitions=max(1, ceiling(peak / limit.partition_writes)),
        stored_gb=stored * copies,
        recovery_gb=stored,
    )


def archive(of: FunctionSizing, given: PlanInput) -> ArchiveSizing:
    """The archive for a demand. (A batch across an hour boundary makes two objects: not counted.)"""
    one, demand, options = given.figures.bytes, given.demand, given.options
    if options.layout == "order":
        objects, size, objects_at_peak = given.orders_a_month, Decimal(one.line + demand.size), demand.peak
    else:
        in_batch = of.average.orders
        objects, objects_at_peak = given.orders_a_month / in_batch, of.peak.batches_per_second
        size = one.archive_object + in_batch * (one.archive_line + one.archive_per_byte * demand.size)
    kept = Decimal(given.figures.maintenance.noncurrent_days * 24) / HOURS_A_MONTH
    compacted = given.orders_a_month * (one.compacted_line + one.compacted_per_byte * demand.size)
    return ArchiveSizing(
        layout=options.layout,
        objects=objects,
        object_bytes=size,
        gb=objects * size / GB,
        compacted_objects=HOURS_A_MONTH,
        compacted_gb=compacted / GB,
        maintenance_seconds=_maintenance_seconds(objects / HOURS_A_MONTH, demand.rate * 3600, given),
        maintenance_seconds_at_peak=_maintenance_seconds(objects_at_peak * 3600, demand.peak * 3600, given),
        maintenance_reads=objects * {"none": 0, "seal": 1, "compact": 2}[options.maintenance],
        old_gb=kept * objects * size / GB if options.maintenance == "compact" else Decimal(0),
    )


def _maintenance_seconds(objects: Decimal, orders: Decimal, given: PlanInput) -> Decimal:
    """The duration in seconds of a maintenance run for an hour's objects and orders."""
    one = given.figures.maintenance
    if given.options.maintenance == "none":
        return Decimal(0)
    sealed = one.start_ms / 1000 + objects * one.seal_object_ms / 1000
    if given.options.maintenance == "seal":
        return sealed
    return sealed + objects * one.compact_object_ms / 1000 + orders * one.compact_order_us / 1_000_000
