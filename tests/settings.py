"""Settings of the deployed function, changed as a deployment does: another version behind the alias."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from orderstream.aws.clients import AwsClients
from orderstream.aws.stack import Stack


@contextmanager
def changed(cloud: AwsClients, stack: Stack, **variables: str) -> Iterator[None]:
    """Orders are delivered to a function with these environment variables; afterwards to the one before."""
    client = cloud.lambda_
    before = client.get_alias(FunctionName=stack.function, Name=stack.alias)["FunctionVersion"]
    change(cloud, stack, **variables)
    try:
        yield
    finally:
        client.update_alias(FunctionName=stack.function, Name=stack.alias, FunctionVersion=before)


def change(cloud: AwsClients, stack: Stack, **variables: str) -> None:
    """Orders are delivered to a function with these environment variables."""
    client = cloud.lambda_
    found = client.get_function_configuration(FunctionName=stack.live_function)["Environment"]["Variables"]
    client.update_function_configuration(
        FunctionName=stack.function, Environment={"Variables": found | variables}
    )
    version = client.publish_version(FunctionName=stack.function)["Version"]
    client.update_alias(FunctionName=stack.function, Name=stack.alias, FunctionVersion=version)
