"""`orders stack env`: print the variables that select the local cloud."""

from typing import Annotated

import typer

from orderstream.cli import options
from orderstream.output import local_cloud as show

app = typer.Typer()


@app.command(epilog='Example: eval "$(orders stack env)"')
def env(port: Annotated[int | None, options.PORT] = None, as_json: options.AsJson = False) -> None:
    """Print the exports that make every AWS tool, and every command here, use the local cloud.

    If several local clouds run, --port says which one.
    """
    from orderstream.local.cloud import local_environment
    from orderstream.local.registry import choose, registry_dir, running_instances

    cloud = choose(running_instances(registry_dir()), port)
    environment = local_environment(cloud.endpoint_url, cloud.token) | {"ORDERS_API_URL": cloud.api_url}
    show.print_exports(environment, as_json=as_json)
