"""A deployment for a demand, in one mode of the stream: what it has, and what it costs."""

from __future__ import annotations

from dataclasses import dataclass

from orderstream.capacity.bill import Bill, bill
from orderstream.capacity.demand import Choices, Demand, Mode
from orderstream.capacity.function import Function, function
from orderstream.capacity.reference_data import Figures
from orderstream.capacity.storage import Archive, Table, archive, table
from orderstream.capacity.stream import Stream, shards_per_order, stream


@dataclass(frozen=True)
class Shape:
    """Stream, function, table and archive that belong together, and their bill."""

    stream: Stream
    function: Function
    table: Table
    archive: Archive
    bill: Bill


def shape(mode: Mode, demand: Demand, choices: Choices, figures: Figures) -> Shape:
    """What a demand needs if its stream has this mode."""
    of_stream = stream(mode, demand, choices, figures)
    shard_rate = 1 / shards_per_order(demand.size, figures)
    of_function = function(of_stream.shards, of_stream.shards_at_peak, shard_rate, demand, choices, figures)
    of_table = table(demand, choices, figures)
    of_archive = archive(of_function, demand, choices, figures)
    return Shape(
        of_stream,
        of_function,
        of_table,
        of_archive,
        bill(of_stream, of_function, of_table, of_archive, demand, choices, figures),
    )
