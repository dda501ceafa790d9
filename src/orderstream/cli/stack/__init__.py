"""`orders stack`: the commands for a whole stack."""

import typer

from orderstream.cli.stack import accept, dashboard, env, policy, simulate, verify

app = typer.Typer(
    name="stack",
    help="Connect to a stack, watch, verify and test it.",
    no_args_is_help=True,
)
for command in (env, dashboard, verify, simulate, accept, policy):
    app.add_typer(command.app)
