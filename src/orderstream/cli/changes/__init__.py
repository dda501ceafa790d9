"""`orders changes`: the commands for the change feed."""

import typer

from orderstream.cli.changes import replay, tail

app = typer.Typer(
    name="changes",
    help="Follow the changes of orders, and announce them again.",
    no_args_is_help=True,
)
for command in (tail, replay):
    app.add_typer(command.app)
