"""`orders model`: the commands for the order model of a project."""

import typer

from orderstream.cli.model import check, diff, schema

app = typer.Typer(
    name="model",
    help="Check, print and compare the order model of a project.",
    no_args_is_help=True,
)
for command in (check, schema, diff):
    app.add_typer(command.app)
