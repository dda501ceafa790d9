"""Sets of template parameters for a purpose, by name."""

from __future__ import annotations

from collections.abc import Mapping

SETS: Mapping[str, Mapping[str, str]] = {
    # What costs least while no orders come: one shard, tables on demand, and the alarms of the free tier.
    "small": {
        "ShardCount": "1",
        # The price of a shard more than doubles with longer retention.
        "RetentionHours": "24",
        "ShardMetrics": "false",
        "TableBilling": "on-demand",
        "Monitoring": "essential",
        "PendingAlarmMinutes": "0",
        "CanaryMinutes": "0",
        "LogRetentionDays": "7",
    },
}
