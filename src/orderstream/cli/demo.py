"""`orders demo`: run the whole system once."""

from contextlib import ExitStack
from decimal import Decimal
from pathlib import Path
from typing import Annotated

import typer

from orderstream.cli import environment, options
from orderstream.errors import OrderstreamError
from orderstream.files.scratch import ScratchFolder
from orderstream.output import console
from orderstream.output import local_cloud as show

app = typer.Typer()


@app.command(epilog="Example: orders demo --orders 5000")
def demo(
    orders: Annotated[int, typer.Option(help="Number of orders to send.", min=1)] = 3000,
    rate: Annotated[Decimal, options.RATE] = Decimal(500),
    tpch_scale: Annotated[
        float | None,
        typer.Option("--tpch", help="Send the orders of TPC-H at this scale, all at once (0.01: 15,000)."),
    ] = None,
    as_json: options.AsJson = False,
) -> None:
    """Send orders through a local cloud, and account for each one.

    Starts a local cloud on a free port, and stops it at the end. Ends with status 0 only if every record
    has the expected outcome.
    """
    from orderstream.ingest import tpch
    from orderstream.local import demo as demonstration
    from orderstream.local.cloud import LocalCloud
    from orderstream.local.ministack import free_port

    with ExitStack() as stack:
        traffic, per_second = demonstration.sample_traffic(orders), float(rate)
        folder = Path(stack.enter_context(ScratchFolder("tpch")))
        totals = None
        with console.steps() as tell:
            if tpch_scale is not None:
                tell("generating TPC-H's orders")
                tpch.generate(tpch_scale, folder)
                traffic, per_second = tpch.traffic(folder), float("inf")
            # Any free port: nothing else uses this cloud, and another one may have the usual port.
            local = LocalCloud(
                port=free_port(), parameters=environment.parameters(), progress=tell, problem=console.problem
            )
            local = stack.enter_context(local)
        with console.progress() as progress:
            outcome = demonstration.run_demo(
                local,
                traffic,
                rate=per_second,
                progress=progress,
            )
            if tpch_scale is not None:
                theirs = tpch.generator_totals(folder)
                totals = (theirs, tpch.table_totals(local.deployment, progress))
        with console.steps() as tell:
            tell("stopping the local cloud")
            stack.close()
    show.print_demo(outcome, totals, as_json=as_json)
    if not outcome.agrees or (totals and totals[0] != totals[1]):
        raise OrderstreamError("the accounts do not agree", hint="please report the table above")
