"""Prints the batches that Lambda discarded and their redrive, for people and programs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import TYPE_CHECKING

from rich.text import Text

from orderstream.output.console import err, out, print_json, problem

if TYPE_CHECKING:
    from orderstream.recovery.dead_letters import FailedBatch
    from orderstream.recovery.redrive import RedriveResult

MOST_PROBLEMS = 100
_NAMES = ("place", "at", "condition", "error", "invocations", "shard_id", "records", "done")


def print_failures(found: Iterable[FailedBatch], *, as_json: bool) -> None:
    """Print discarded batches: two lines each, or one JSON object per line."""
    is_empty = True
    for failure in found:
        is_empty = False
        if as_json:
            numbers = {"first_sequence_number": failure.first, "last_sequence_number": failure.last}
            print_json({name: getattr(failure, name) for name in _NAMES} | numbers)
            continue
        error = f" ({failure.error})" if failure.error else ""
        state = "done" if failure.done else "open"
        what = f"{failure.condition}{error}  {failure.records:,} records of {failure.shard_id}"
        out.print(f"{failure.at:%Y-%m-%d %H:%M:%S}  {state}  {what}")
        out.print(f"  {failure.place}")
    if is_empty and not as_json:
        err.print("no discarded batches")


def print_redrive(results: Iterable[RedriveResult], *, dry_run: bool, as_json: bool) -> int:
    """Print the outcome of each failure; return how many are not done."""
    done = left = 0
    for one in results:
        done, left = (done + 1, left) if one.done else (done, left + 1)
        if as_json:
            print_json(asdict(one))
            continue
        counts = (f"{count:,} {outcome.replace('_', ' ')}" for outcome, count in one.outcomes.items())
        state = ("done", "green") if one.done else "open"
        out.print(Text.assemble(state, f": {one.place}: {one.records:,} records: {', '.join(counts)}"))
        for what in one.problems[:MOST_PROBLEMS]:
            problem(what)
    if not done and not left:
        err.print("nothing to redrive")
    else:
        err.print(f"{left:,} to redrive" if dry_run else f"{done:,} done, {left:,} open")
    return left
