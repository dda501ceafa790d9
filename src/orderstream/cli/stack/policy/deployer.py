"""`orders stack policy deployer`: print the policies that a deployment needs."""

from typing import Annotated

import typer

from orderstream.aws.stack import DEFAULT_STACK
from orderstream.cli import environment, options
from orderstream.output import console

app = typer.Typer()


@app.command(epilog="Example: orders stack policy deployer --account 123456789012 --region eu-west-1")
def deployer(
    account: options.Account = "ACCOUNT",
    parameter: options.Parameters = None,
    permissions_boundary: Annotated[
        str, typer.Option(help="ARN of a permissions boundary that every role must have.")
    ] = "",
    env: options.Environment = None,
    stack: options.StackName = DEFAULT_STACK,
    region: options.Region = None,
) -> None:
    """Print the policies that `orders deploy` and `orders destroy` need, one a line, each within IAM's limit.

    They are computed from the template, from what CloudFormation needs for each of its resources, and
    from the calls of the commands. Attach all of the policies to one role. Without any --parameter they
    suffice for all values.
    """
    from orderstream.deploy import permissions
    from orderstream.deploy.arns import where_of
    from orderstream.deploy.parameters import checked

    where = where_of(stack, account, region)
    given = checked(parameter or (), environment.parameters())
    for policy in permissions.deployer(where, given, permissions_boundary):
        console.print_json(policy)
