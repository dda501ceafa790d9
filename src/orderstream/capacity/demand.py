"""The input of a plan: the expected traffic, the options of the deployment, and the figures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import cached_property
from typing import Literal

from orderstream.capacity.prices import SECONDS_A_MONTH
from orderstream.capacity.reference_data import ReferenceData
from orderstream.domain.order import MAX_BYTES
from orderstream.domain.order_event import MAX_EVENTS
from orderstream.errors import InputError

Mode = Literal["shards", "on-demand"]
Layout = Literal["batch", "order"]
Maintenance = Literal["none", "seal", "compact"]
TableBilling = Literal["on-demand", "provisioned"]
TableClass = Literal["standard", "infrequent-access"]
Projection = Literal["all", "keys"]
Monitoring = Literal["full", "essential"]

# No forecast goes higher; above this, some undocumented limit would be reached first.
MOST_ORDERS_A_SECOND = 100_000_000
EVENT_BYTES = 150
# The values that template.yaml allows.
RETENTION_HOURS = (24, 36, 48, 72, 96, 120, 144, 168, 240, 336, 504, 720, 1440, 2160, 4320, 8760)
WINDOW_SECONDS = range(300 + 1)
# AWS recommends at most this many shared consumers of a shard.
CONSUMERS = range(1, 5 + 1)


def _require(is_possible: bool, what: str, hint: str) -> None:
    if not is_possible:
        raise InputError(f"{what} cannot be planned", hint=hint)


@dataclass(frozen=True)
class Demand:
    """Traffic: `rate` orders a second on average, `peak` at most, `size` bytes per order as sent.

    `item_size` is the size of its item in bytes if known; otherwise it is estimated from `size`. Each order
    has `events` events of `event_size` bytes; all rates are of orders, which bring their events with them.
    Raises InputError for impossible values.
    """

    rate: Decimal
    peak: Decimal
    size: int
    item_size: int | None = None
    events: Decimal = Decimal(0)
    event_size: int = EVENT_BYTES

    def __post_init__(self) -> None:
        rate, peak, highest = self.rate, self.peak, MOST_ORDERS_A_SECOND
        below = f"a peak of {peak:f} orders a second, below the average of {rate:f},"
        factor = 'give it as a factor, "5x", or in orders a second; 1x means no peak'
        item_size = 1 if self.item_size is None else self.item_size
        sizes = f"1 to {MAX_BYTES:,} bytes: what DynamoDB lets an item hold"
        _require(0 < rate <= highest, f"a rate of {rate:f} orders a second", f"above 0, at most {highest:,}")
        _require(rate <= peak, below, factor)
        _require(peak <= highest, f"a peak of {peak:f} orders a second", f"at most {highest:,}")
        _require(1 <= self.size <= MAX_BYTES, f"an order of {self.size:,} bytes", sizes)
        _require(1 <= item_size <= MAX_BYTES, f"an item of {item_size:,} bytes", sizes)
        _require(0 <= self.events <= MAX_EVENTS, f"{self.events:f} events an order", f"0 to {MAX_EVENTS:,}")
        _require(1 <= self.event_size <= MAX_BYTES, f"an event of {self.event_size:,} bytes", sizes)


@dataclass(frozen=True)
class Options:
    """The `mode` of the stream (None selects the cheaper one), and settings of template.yaml.

    `window_seconds` is the longest that an order waits for its batch; `outage_hours` the outage for which
    recovery is calculated; `consumers` the number of readers that share the stream, including this function;
    `maintenance` what is done to the archive hourly; `shard_metrics` whether each shard has its own metrics;
    `monitoring` whether there are all alarms and a dashboard;
    `feed` whether changes are announced, and `event_bus` whether a pipe puts them on an event bus too, to so
    many `webhooks`; `totals` whether sums are kept; `table_billing` and `table_class` how the tables are
    billed; `index_projection` what the index by customer stores; `glacier_days` the age at which large
    archive objects move to Glacier Instant Retrieval (0: never). `longest_wait_seconds` is how long orders
    may wait for a provisioned table at a sudden peak, `headroom` the share of capacity on top of the peak,
    `months` the horizon. Raises InputError for impossible values.
    """

    mode: Mode | None = None
    retention_hours: int = 72
    layout: Layout = "batch"
    has_index: bool = True
    window_seconds: int = 1
    fan_out: bool = False
    maintenance: Maintenance = "none"
    shard_metrics: bool = True
    monitoring: Monitoring = "full"
    feed: bool = False
    event_bus: bool = False
    webhooks: int = 0
    totals: bool = False
    consumers: int = 1
    outage_hours: Decimal = Decimal(1)
    table_billing: TableBilling = "on-demand"
    table_class: TableClass = "standard"
    index_projection: Projection = "all"
    glacier_days: int = 0
    longest_wait_seconds: int = 120
    headroom: Decimal = Decimal("0.25")
    months: int = 36

    def __post_init__(self) -> None:
        for name, value, bounds in (
            ("a batch window", self.window_seconds, WINDOW_SECONDS),
            ("a number of consumers", self.consumers, CONSUMERS),
            ("a number of months", self.months, range(1, 1200 + 1)),
            ("a number of days until Glacier", self.glacier_days, range(9999 + 1)),
            ("a number of webhooks", self.webhooks, range(100 + 1)),
            ("a wait in seconds", self.longest_wait_seconds, range(3600 + 1)),
        ):
            _require(value in bounds, f"{name} of {value}", f"{bounds.start} to {bounds.stop - 1}")
        retention, outage, longest = self.retention_hours, self.outage_hours, RETENTION_HOURS[-1]
        hours = ", ".join(map(str, RETENTION_HOURS))
        _require(retention in RETENTION_HOURS, f"a retention of {retention} hours", f"one of {hours}")
        _require(0 <= outage <= longest, f"an outage of {outage:f} hours", f"0 to {longest:,}")
        _require(self.feed or not self.event_bus, "an event bus without the change feed", "add --feed")
        _require(self.feed or not self.webhooks, "webhooks without the change feed", "add --feed")
        _require(0 <= self.headroom <= 10, f"a headroom of {self.headroom:%}", "0% to 1,000%")


@dataclass(frozen=True)
class PlanInput:
    """All that a plan is calculated from."""

    demand: Demand
    options: Options = Options()
    figures: ReferenceData = ReferenceData()

    def at(self, rate: Decimal) -> PlanInput:
        """The same with `rate` orders a second on average, and the peak in proportion."""
        demand = self.demand
        return replace(self, demand=replace(demand, rate=rate, peak=rate * (demand.peak / demand.rate)))

    @cached_property
    def wanted(self) -> Decimal:
        """The peak with headroom, in orders a second."""
        return self.demand.peak * (1 + self.options.headroom)

    @cached_property
    def orders_a_month(self) -> Decimal:
        """The number of orders in a month."""
        return self.demand.rate * SECONDS_A_MONTH

    @cached_property
    def records_per_order(self) -> Decimal:
        """The records of an order and its events."""
        return 1 + self.demand.events

    @cached_property
    def bytes_per_order(self) -> Decimal:
        """Bytes of an order and its events on the stream."""
        return self.with_events(lambda size: size)

    def with_events(self, of_record: Callable[[int], int]) -> Decimal:
        """The sum of `of_record` over the records of an order and its events.

        It is called with the bytes of a record on the stream: its data and its partition key.
        """
        key = self.figures.bytes.key
        of_events = self.demand.events * of_record(self.demand.event_size + key)
        return of_record(self.demand.size + key) + of_events

    @cached_property
    def shards_per_order(self) -> Decimal:
        """The share of a shard that one order a second takes, with its events: of records or bytes, whichever
        is more.
        """
        limit = self.figures.kinesis_limits
        return max(
            self.records_per_order / limit.shard_in_records, self.bytes_per_order / limit.shard_in_bytes
        )
