"""`orders stack policy boundary`: print a permissions boundary for the roles of a stack."""

import typer

from orderstream.aws.stack import DEFAULT_STACK
from orderstream.cli import environment, options
from orderstream.output import console

app = typer.Typer()


@app.command(epilog="Example: orders stack policy boundary --account 123456789012 --region eu-west-1")
def boundary(
    account: options.Account = "ACCOUNT",
    parameter: options.Parameters = None,
    env: options.Environment = None,
    stack: options.StackName = DEFAULT_STACK,
    region: options.Region = None,
) -> None:
    """Print a permissions boundary with exactly what the roles of a stack need.

    Create a managed policy from it. Pass its ARN to `orders deploy --parameter PermissionsBoundary=ARN`
    and to `orders stack policy deployer --permissions-boundary ARN`. Without any --parameter it suffices
    for all values.
    """
    from orderstream.deploy import permissions
    from orderstream.deploy.arns import where_of
    from orderstream.deploy.parameters import checked

    where = where_of(stack, account, region)
    console.print_json(permissions.boundary(where, checked(parameter or (), environment.parameters())))
