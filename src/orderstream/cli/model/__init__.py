"""`orders model`: the commands for the order model of a project."""

import typer

from orderstream.cli.model import check, diff, schema, show

app = typer.Typer(
    name="model",
    help="Describe, check and compare the order model of a project.",
    no_args_is_help=True,
)
for command in (show, check, schema, diff):
    app.add_typer(command.app)
