"""`orders completion`: print the script that completes commands in a shell."""

from typing import Annotated, Literal

import typer

# Typer exports them, but not for type checkers. Its own options for this would be on every help screen, and
# one of them edits files of the user.
from typer.completion import completion_init, get_completion_script  # type: ignore[attr-defined]

from orderstream.cli import COMPLETION, PROGRAM

app = typer.Typer()


@app.command(epilog="Example: orders completion bash")
def completion(
    shell: Annotated[Literal["bash", "zsh", "fish"], typer.Argument(help="The shell.", show_default=False)],
) -> None:
    """Print the script that completes commands, options and values in a shell.

    For bash and zsh: eval "$(orders completion bash)". For fish: orders completion fish | source.
    Completion calls no service.
    """
    print(get_completion_script(prog_name=PROGRAM, complete_var=COMPLETION, shell=shell))


def answer() -> None:
    """Make this process, which a script has started, answer with completions instead of running a command."""
    completion_init()
