"""`orders dead-letters`: the commands for batches that Lambda discarded."""

import typer

from orderstream.cli.dead_letters import list as list_
from orderstream.cli.dead_letters import redrive

app = typer.Typer(
    name="dead-letters",
    help="List and redrive batches that Lambda discarded.",
    no_args_is_help=True,
)
for command in (list_, redrive):
    app.add_typer(command.app)
