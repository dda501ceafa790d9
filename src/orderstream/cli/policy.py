"""The commands that print IAM policies: policy deployer, policy boundary."""

from __future__ import annotations

from typing import Annotated

import typer

from orderstream.aws.stack import DEFAULT_STACK
from orderstream.cli.options import Region, StackName
from orderstream.output import console

commands = typer.Typer(
    help="Print IAM policies for deployment, as JSON.",
    no_args_is_help=True,
)

Account = Annotated[str, typer.Option(help="Account id for the ARNs.", metavar="ID")]
Parameters = Annotated[
    list[str] | None,
    typer.Option(
        "--parameter",
        help="NAME=VALUE of a template parameter. Without any, the policy suffices for all values.",
    ),
]


@commands.command(epilog="Example: orders policy deployer --account 123456789012 --region eu-west-1")
def deployer(
    account: Account = "ACCOUNT",
    parameter: Parameters = None,
    permissions_boundary: Annotated[
        str, typer.Option(help="ARN of a permissions boundary that every role must have.")
    ] = "",
    stack: StackName = DEFAULT_STACK,
    region: Region = None,
) -> None:
    """Print the policies that `orders deploy` and `orders destroy` need, each within IAM's size limit.

    They are computed from the template, from what CloudFormation needs for each of its resources, and
    from the calls of the commands. Attach all of the policies to one role.
    """
    from orderstream.deploy import permissions
    from orderstream.deploy.arns import where_of
    from orderstream.deploy.parameters import checked

    where = where_of(stack, account, region)
    console.print_json(permissions.deployer(where, checked(parameter or ()), permissions_boundary))


@commands.command(epilog="Example: orders policy boundary --account 123456789012 --region eu-west-1")
def boundary(
    account: Account = "ACCOUNT",
    parameter: Parameters = None,
    stack: StackName = DEFAULT_STACK,
    region: Region = None,
) -> None:
    """Print a permissions boundary with exactly what the roles of a stack need.

    Create a managed policy from it. Pass its ARN to `orders deploy --parameter PermissionsBoundary=ARN`
    and to `orders policy deployer --permissions-boundary ARN`.
    """
    from orderstream.deploy import permissions
    from orderstream.deploy.arns import where_of
    from orderstream.deploy.parameters import checked

    where = where_of(stack, account, region)
    console.print_json(permissions.boundary(where, checked(parameter or ())))
