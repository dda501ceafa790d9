"""`orders init`: make a project."""

from pathlib import Path
from typing import Annotated

import typer

from orderstream.cli import options
from orderstream.client.put_records import new_session
from orderstream.output import console
from orderstream.project.scaffold import write_project

# Where none is configured.
USUAL_REGION = "us-east-1"

app = typer.Typer()


@app.command(epilog="Example: orders init my-shop")
def init(
    folder: Annotated[Path, typer.Argument(help="Folder of the project, which is named after it.")],
    region: options.Region = None,
) -> None:
    """Make a project for your own orders.

    Writes the model of the orders (order.py), the environments (orderstream.toml), a test, a workflow for
    GitHub that tests and deploys, and a README. Every command in the project's folder uses them.
    """
    configured = new_session(None).get_config_variable("region")
    for file in write_project(folder, region or configured or USUAL_REGION):
        console.step(str(folder / file))
    console.hint(f"cd {folder}, edit order.py, then: orders up")
