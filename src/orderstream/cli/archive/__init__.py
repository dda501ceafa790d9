"""`orders archive`: the commands for the archive."""

import typer

from orderstream.cli.archive import audit, compact, forget, query, replay, seal

app = typer.Typer(
    name="archive",
    help="Query, replay, erase, seal, compact and audit the archive.",
    no_args_is_help=True,
)
for command in (query, replay, forget, seal, compact, audit):
    app.add_typer(command.app)
