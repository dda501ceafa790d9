"""Size and price a deployment for a demand, in one mode of the stream."""

from __future__ import annotations

from dataclasses import dataclass

from orderstream.capacity.bill import Bill, bill
from orderstream.capacity.demand import Demand, Mode, Options
from orderstream.capacity.function import FunctionSizing, function
from orderstream.capacity.reference_data import ReferenceData
from orderstream.capacity.storage import ArchiveSizing, TableSizing, archive, table
from orderstream.capacity.stream import StreamSizing, shards_per_order, stream


@dataclass(frozen=True)
class Sizing:
    """The stream, function, table and archive of one deployment, and their bill."""

    stream: StreamSizing
    function: FunctionSizing
    table: TableSizing
    archive: ArchiveSizing
    bill: Bill


def compute_sizing(mode: Mode, demand: Demand, choices: Options, figures: ReferenceData) -> Sizing:
    """The sizing for a demand if its stream has this mode."""
    of_stream = stream(mode, demand, choices, figures)
    shard_rate = 1 / shards_per_order(demand.size, figures)
    of_function = function(of_stream.shards, of_stream.shards_at_peak, shard_rate, demand, choices, figures)
    of_table = table(demand, choices, figures)
    of_archive = archive(of_function, demand, choices, figures)
    return Sizing(
        of_stream,
        of_function,
        of_table,
        of_archive,
        bill(of_stream, of_function, of_table, of_archive, demand, choices, figures),
    )
