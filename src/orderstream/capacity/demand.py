"""The input of a plan: the expected traffic and the options of the deployment."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from orderstream.domain.order import MAX_BYTES
from orderstream.errors import InputError

Mode = Literal["shards", "on-demand"]
Layout = Literal["batch", "order"]
Maintenance = Literal["none", "seal", "compact"]

# No forecast goes higher; above this, some undocumented limit would be reached first.
MOST_ORDERS_A_SECOND = 100_000_000
# The values that template.yaml allows.
RETENTION_HOURS = (24, 36, 48, 72, 96, 120, 144, 168, 240, 336, 504, 720, 1440, 2160, 4320, 8760)
WINDOW_SECONDS = range(300 + 1)
# AWS recommends at most this many shared consumers of a shard.
CONSUMERS = range(1, 5 + 1)


@dataclass(frozen=True)
class Demand:
    """Traffic: `rate` orders a second on average, `peak` at most, `size` bytes per order as sent.

    `item_size` is the size of its item in bytes if known; otherwise it is estimated from `size`. Raises
    InputError for impossible values.
    """

    rate: Decimal
    peak: Decimal
    size: int
    item_size: int | None = None

    def __post_init__(self) -> None:
        if not 0 < self.rate <= MOST_ORDERS_A_SECOND:
            raise InputError(
                f"a rate of {self.rate:f} orders a second cannot be planned",
                hint=f"above 0 and at most {MOST_ORDERS_A_SECOND:,}",
            )
        if self.peak < self.rate:
            raise InputError(
                f"a peak of {self.peak:f} orders a second is below the average of {self.rate:f}",
                hint='give it as a factor, "5x", or in orders a second; 1x means no peak',
            )
        if self.peak > MOST_ORDERS_A_SECOND:
            raise InputError(
                f"a peak of {self.peak:f} orders a second cannot be planned",
                hint=f"at most {MOST_ORDERS_A_SECOND:,}",
            )
        for name, size in (("an order", self.size), ("an item", self.item_size)):
            if size is not None and not 1 <= size <= MAX_BYTES:
                raise InputError(
                    f"{name} of {size:,} bytes cannot be stored",
                    hint=f"1 to {MAX_BYTES:,} bytes: what DynamoDB lets an item hold",
                )


@dataclass(frozen=True)
class Options:
    """The `mode` of the stream (None selects the cheaper one), and settings of template.yaml.

    `window_seconds` is the longest that an order waits for its batch; `outage_hours` the outage for which
    recovery is calculated; `consumers` the number of readers that share the stream, including this function;
    `maintenance` what is done to the archive hourly; `shard_metrics` whether each shard has its own metrics;
    `headroom` the share of capacity on top of the peak; `months` how many months of orders are stored in the
    table and the archive. Raises InputError for impossible values.
    """

    mode: Mode | None = None
    retention_hours: int = 72
    layout: Layout = "batch"
    has_index: bool = True
    window_seconds: int = 1
    fan_out: bool = False
    maintenance: Maintenance = "none"
    shard_metrics: bool = True
    consumers: int = 1
    outage_hours: Decimal = Decimal(1)
    headroom: Decimal = Decimal("0.25")
    months: int = 1

    def __post_init__(self) -> None:
        for name, value, bounds in (
            ("a batch window", self.window_seconds, WINDOW_SECONDS),
            ("a number of consumers", self.consumers, CONSUMERS),
            ("a number of months", self.months, range(1, 1200 + 1)),
        ):
            if value not in bounds:
                raise InputError(
                    f"{name} of {value} cannot be planned", hint=f"{bounds.start} to {bounds.stop - 1}"
                )
        if self.retention_hours not in RETENTION_HOURS:
            hours = ", ".join(map(str, RETENTION_HOURS))
            raise InputError(
                f"a retention of {self.retention_hours} hours cannot be planned", hint=f"one of {hours}"
            )
        if not 0 <= self.outage_hours <= RETENTION_HOURS[-1]:
            raise InputError(f"an outage of {self.outage_hours:f} hours cannot be planned", hint="0 or more")
        if not 0 <= self.headroom <= 10:
            raise InputError(f"a headroom of {self.headroom:%} cannot be planned", hint="0% to 1,000%")
