"""The template's parameters for a plan: names and values."""

from __future__ import annotations

from orderstream.capacity.demand import Options
from orderstream.capacity.sizing import Sizing

_LONGEST_RECORD_AGE_SECONDS = 7 * 24 * 3600


def record_age_seconds(retention_hours: int) -> int:
    """The age at which Lambda discards orders by template.yaml's default: nine tenths of the retention."""
    return min(_LONGEST_RECORD_AGE_SECONDS, retention_hours * 3600 * 9 // 10)


def parameters(of: Sizing, choices: Options) -> dict[str, str]:
    """Names and values of template.yaml's parameters for the deployment."""
    values = {
        "ShardCount": str(of.stream.shards if of.stream.mode == "shards" else 0),
        "RetentionHours": str(choices.retention_hours),
        "BatchSize": str(of.function.batch_size),
        "BatchWindowSeconds": str(choices.window_seconds),
        "ParallelizationFactor": str(of.function.parallelization_factor),
        "EnhancedFanOut": "true" if choices.fan_out else "false",
        "ShardMetrics": "true" if choices.shard_metrics else "false",
        "ArchiveLayout": choices.layout,
        "ArchiveMaintenance": choices.maintenance,
        "GlacierDays": str(choices.glacier_days),
        "CustomerIndex": "true" if choices.has_index else "false",
        "IndexProjection": choices.index_projection,
        "TableClass": choices.table_class,
        "TableBilling": choices.table_billing,
        "TableWarmWriteUnits": str(of.table.warm_units),
    }
    if of.feed:
        values |= {"ChangeFeed": "true", "ChangeFeedShardCount": str(of.feed.shards)}
    if choices.event_bus:
        values["ChangeEventBus"] = "default"
    if choices.webhooks:
        values["Webhooks"] = "true"
    if choices.totals:
        values["Totals"] = "true"
    return values | _of_capacity(of)


def _of_capacity(of: Sizing) -> dict[str, str]:
    """The bounds of provisioned tables."""
    capacity = of.table.capacity
    if capacity is None:
        return {}
    values = {
        "TableUtilization": str(capacity.scaling.utilization),
        "TableWriteMinimum": str(capacity.write_minimum),
        "TableWriteMaximum": str(capacity.write_maximum),
        "TableReadMinimum": str(capacity.read_minimum),
        "TableReadMaximum": str(capacity.read_maximum),
    }
    if of.table.updates_per_order:
        values["EventWriteMinimum"] = str(capacity.event_write_minimum)
    return values
