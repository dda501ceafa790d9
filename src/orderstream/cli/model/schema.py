"""`orders model schema`: print the JSON Schema of an order."""

import typer

from orderstream.output import console
from orderstream.project.schema import published_schema

app = typer.Typer()


@app.command(epilog="Example: orders model schema > schema.json")
def schema() -> None:
    """Print the JSON Schema of an order, as it is sent.

    It is that of the project's model, or of the built-in order outside of a project. Rules over several
    fields are not part of it.
    """
    console.print_json(published_schema())
