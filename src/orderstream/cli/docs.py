"""`orders docs`: print a guide of the documentation."""

from typing import Annotated

import typer

from orderstream.output import documentation as show

app = typer.Typer()


@app.command(epilog="Example: orders docs redrive")
def docs(
    topic: Annotated[
        str | None, typer.Argument(help="The name of a guide.", autocompletion=show.topics)
    ] = None,
) -> None:
    """Print a guide, or without a topic the list of all.

    The guides are part of the installation, so this needs no network. A file or a pipe receives Markdown.
    """
    if topic is None:
        show.print_topics()
    else:
        show.print_guide(topic)
