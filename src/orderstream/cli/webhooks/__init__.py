"""`orders webhooks`: the commands for HTTP endpoints that get the changes of orders."""

import typer

from orderstream.cli.webhooks import add, redrive, remove, rotate, test
from orderstream.cli.webhooks import list as list_

app = typer.Typer(
    name="webhooks",
    help="Send the changes of orders to HTTP endpoints.",
    no_args_is_help=True,
)
for command in (add, list_, test, redrive, rotate, remove):
    app.add_typer(command.app)
