"""`orders quarantine`: the commands for invalid records and conflicts."""

import typer

from orderstream.cli.quarantine import list as list_
from orderstream.cli.quarantine import resubmit, show

app = typer.Typer(
    name="quarantine",
    help="List, edit and resubmit invalid records and conflicts.",
    no_args_is_help=True,
)
for command in (list_, show, resubmit):
    app.add_typer(command.app)
