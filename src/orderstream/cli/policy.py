"""The commands that print IAM policies: policy deployer, policy boundary."""

from __future__ import annotations

from typing import Annotated

import typer

from orderstream.aws.stack import DEFAULT_STACK
from orderstream.cli.options import Region, StackName
from orderstream.output import console

verbs = typer.Typer(
    help="Print the IAM policies for whoever deploys, as JSON.",
    no_args_is_help=True,
)

Account = Annotated[str, typer.Option(help="Account id, if it is to be in the ARNs.", metavar="ID")]
Parameters = Annotated[
    list[str] | None,
    typer.Option(
        "--parameter",
        help="NAME=VALUE of a parameter of template.yaml; without any, the policy is enough for all values.",
    ),
]


@verbs.command(epilog="Example: orders policy deployer --account 123456789012 --region eu-west-1")
def deployer(
    account: Account = "ACCOUNT",
    parameter: Parameters = None,
    permissions_boundary: Annotated[
        str, typer.Option(help="ARN of a boundary: then no role can be made or changed without it.")
    ] = "",
    stack: StackName = DEFAULT_STACK,
    region: Region = None,
) -> None:
    """Print what `orders deploy` and `orders destroy` need, as a list of policies that each fit IAM's limit.

    Computed from the template, from what CloudFormation needs for each of its resources, and from what the
    commands call themselves. Attach all of the policies to one role.
    """
    from orderstream.deploy import permissions
    from orderstream.deploy.arns import where_of
    from orderstream.deploy.parameters import checked

    where = where_of(stack, account, region)
    console.print_json(permissions.deployer(where, checked(parameter or ()), permissions_boundary))


@verbs.command(epilog="Example: orders policy boundary --account 123456789012 --region eu-west-1")
def boundary(
    account: Account = "ACCOUNT",
    parameter: Parameters = None,
    stack: StackName = DEFAULT_STACK,
    region: Region = None,
) -> None:
    """Print a permissions boundary for the roles of a stack: what they need, and nothing else.

    Make a managed policy of it. Give its ARN to `orders deploy --parameter PermissionsBoundary=ARN` and to
    `orders policy deployer --permissions-boundary ARN`.
    """
    from orderstream.deploy import permissions
    from orderstream.deploy.arns import where_of
    from orderstream.deploy.parameters import checked

    where = where_of(stack, account, region)
    console.print_json(permissions.boundary(where, checked(parameter or ())))
