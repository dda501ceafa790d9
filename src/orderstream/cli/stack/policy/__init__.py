"""`orders stack policy`: the commands that print IAM policies."""

import typer

from orderstream.cli.stack.policy import boundary, deployer

app = typer.Typer(
    name="policy",
    help="Print IAM policies for deployment, as JSON.",
    no_args_is_help=True,
)
for command in (deployer, boundary):
    app.add_typer(command.app)
