"""`orders model show`: describe every field of an order, and its lifecycle."""

import typer

from orderstream.cli import options
from orderstream.domain.user_model import order_model
from orderstream.output import model as show_
from orderstream.project.schema import described

app = typer.Typer()


@app.command(epilog="Example: orders model show")
def show(as_json: options.AsJson = False) -> None:
    """Describe every field of an order: its type, its limits, its attribute in the table and its marks.

    Computed attributes follow the fields, and then each status with the events that may follow in it. It is
    the project's model, or the built-in order outside of a project.
    """
    model = order_model()
    show_.print_fields(described(model), model.TRANSITIONS, as_json=as_json)
