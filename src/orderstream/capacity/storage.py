"""Size the storage: items in the table, objects in the archive."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from orderstream.capacity.demand import Layout, PlanInput
from orderstream.capacity.function import FunctionSizing, ceiling
from orderstream.capacity.prices import GB, HOURS_A_MONTH, KB
from orderstream.capacity.table_capacity import TableCapacity, table_capacity

# A read unit, with strong consistency.
_READ_BYTES = 4 * KB


@dataclass(frozen=True)
class TableSizing:
    """The tables of a plan. A write unit is a write of up to 1 KB.

    `item_bytes` is the size of an item with all its events applied. `units_per_order` is for the table of
    orders alone; the index writes as many again, or one if it has keys alone. `updates_per_order` are further
    units of the same table for the events of an order, `events_billed_per_order` all that these are billed
    for: with the index, and a row each in their own table. `reads_per_order` are read units for them.
    `peak_units` is what the table and the index each need a second. Above `new_table_units`, on-demand tables
    must be pre-warmed to `warm_units` (0: not needed), which costs `warm_dollars` once. `partitions` is the
    minimum that the peak needs. `stored_gb` is the storage of a month's orders, including the index and the
    events. `capacity` is that of provisioned tables.
    """

    item_bytes: int
    units_per_order: int
    billed_units_per_order: int
    updates_per_order: Decimal
    events_billed_per_order: Decimal
    reads_per_order: Decimal
    peak_units: Decimal
    new_table_units: int
    warm_units: int
    warm_dollars: Decimal
    partitions: int
    stored_gb: Decimal
    recovery_gb: Decimal
    capacity: TableCapacity | None

    @property
    def writes_per_order(self) -> Decimal:
        """Units of the table of orders, and of the index, for an order with its events."""
        return self.units_per_order + self.updates_per_order


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


def event_units_read(given: PlanInput) -> Decimal:
    """Read units of the query of an order's events: on average it finds half of the others, and the last."""
    row = given.figures.events.row + given.demand.event_size
    return max(Decimal(1), (given.demand.events + 1) / 2 * row / _READ_BYTES)


def table(given: PlanInput) -> TableSizing:
    """The tables for a demand. The key, the order id, is well distributed; the index's is the customer.

    An event is a row of its own, and an update of the item, which has grown by then. Before that, its item
    and the events of its order are read.
    """
    limit, event, events = given.figures.dynamodb_limits, given.figures.events, given.demand.events
    new = item_bytes(given)
    size = new + ceiling(
        min(events, Decimal(1)) * event.item_first + max(events - 1, Decimal(0)) * event.item_next
    )
    row = event.row + given.demand.event_size
    units, updates = -(-new // KB), events * -(-size // KB)
    peak = given.demand.peak * (units + updates)
    is_provisioned = given.options.table_billing == "provisioned"
    warm = (
        0 if peak <= limit.new_table_writes or is_provisioned else ceiling(given.wanted * (units + updates))
    )
    copied, changed, entry = _index(units, updates, size, given)
    cold = max(0, warm - limit.new_table_writes) * (3 if copied else 2)
    stored_item, stored_row, stored_entry = (
        one + given.figures.bytes.item_stored if one else 0 for one in (size, row, entry)
    )
    rows = events * -(-row // KB)
    reads = events * (-(-size // _READ_BYTES) + event_units_read(given))
    return TableSizing(
        item_bytes=size,
        units_per_order=units,
        billed_units_per_order=units + copied,
        updates_per_order=updates,
        events_billed_per_order=updates + changed + rows,
        reads_per_order=reads,
        peak_units=peak,
        new_table_units=limit.new_table_writes,
        warm_units=warm,
        warm_dollars=cold * given.figures.dynamodb_prices.warm_write_unit,
        partitions=max(1, ceiling(peak / limit.partition_writes)),
        stored_gb=given.orders_a_month * (stored_item + stored_entry + events * stored_row) / GB,
        recovery_gb=given.orders_a_month * (stored_item + events * stored_row) / GB,
        capacity=table_capacity(units + updates, copied + changed, rows, reads, given)
        if is_provisioned
        else None,
    )


def _index(units: int, updates: Decimal, size: int, given: PlanInput) -> tuple[int, Decimal, int]:
    """What the index by customer writes for an order and for its events, and the bytes of an entry."""
    if not given.options.has_index:
        return 0, Decimal(0), 0
    if given.options.index_projection == "keys":
        # An event changes no key.
        return 1, Decimal(0), given.figures.bytes.item_keys
    return units, updates, size


def archive(of: FunctionSizing, given: PlanInput) -> ArchiveSizing:
    """The archive for a demand. (A batch across an hour boundary makes two objects: not counted.)"""
    one, demand, options = given.figures.bytes, given.demand, given.options
    packed = given.records_per_order * one.archive_line + one.archive_per_byte * _sent_bytes(given)
    in_batch = of.average.orders
    objects, objects_at_peak = given.orders_a_month / in_batch, of.peak.batches_per_second
    whole = given.orders_a_month * packed + objects * one.archive_object
    if options.layout == "order":
        # Events have no objects of their own: those of a batch are in one.
        of_events = whole - given.orders_a_month * (one.archive_line + one.archive_per_byte * demand.size)
        whole = given.orders_a_month * (one.line + demand.size) + (of_events if demand.events else 0)
        objects = given.orders_a_month + (objects if demand.events else 0)
        objects_at_peak = demand.peak + (objects_at_peak if demand.events else 0)
    kept = Decimal(given.figures.maintenance.noncurrent_days * 24) / HOURS_A_MONTH
    compacted = given.records_per_order * one.compacted_line + one.compacted_per_byte * _sent_bytes(given)
    records, records_at_peak = (rate * given.records_per_order * 3600 for rate in (demand.rate, demand.peak))
    return ArchiveSizing(
        layout=options.layout,
        objects=objects,
        object_bytes=whole / objects,
        gb=whole / GB,
        compacted_objects=HOURS_A_MONTH,
        compacted_gb=given.orders_a_month * compacted / GB,
        maintenance_seconds=_maintenance_seconds(objects / HOURS_A_MONTH, records, given),
        maintenance_seconds_at_peak=_maintenance_seconds(objects_at_peak * 3600, records_at_peak, given),
        maintenance_reads=objects * {"none": 0, "seal": 1, "compact": 2}[options.maintenance],
        old_gb=kept * whole / GB if options.maintenance == "compact" else Decimal(0),
    )


def _sent_bytes(given: PlanInput) -> Decimal:
    """Bytes of an order and its events as sent."""
    return given.demand.size + given.demand.events * given.demand.event_size


def _maintenance_seconds(objects: Decimal, records: Decimal, given: PlanInput) -> Decimal:
    """The duration in seconds of a maintenance run for an hour's objects and records."""
    one = given.figures.maintenance
    if given.options.maintenance == "none":
        return Decimal(0)
    sealed = one.start_ms / 1000 + objects * one.seal_object_ms / 1000
    if given.options.maintenance == "seal":
        return sealed
    return sealed + objects * one.compact_object_ms / 1000 + records * one.compact_order_us / 1_000_000
