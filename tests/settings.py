"""Settings of the deployed function, changed as a deployment does: another version behind the alias."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from orderstream.aws.deployment import Deployment


@contextmanager
def changed(deployment: Deployment, **variables: str) -> Iterator[None]:
    """Orders are delivered to a function with these environment variables; afterwards to the one before."""
    client = deployment.cloud.lambda_
    before = client.get_alias(FunctionName=deployment.function, Name=deployment.alias)["FunctionVersion"]
    change(deployment, **variables)
    try:
        yield
    finally:
        client.update_alias(FunctionName=deployment.function, Name=deployment.alias, FunctionVersion=before)


def change(deployment: Deployment, **variables: str) -> None:
    """Orders are delivered to a function with these environment variables."""
    client = deployment.cloud.lambda_
    found = client.get_function_configuration(FunctionName=deployment.live_function)["Environment"][
        "Variables"
    ]
    client.update_function_configuration(
        FunctionName=deployment.function, Environment={"Variables": found | variables}
    )
    version = client.publish_version(FunctionName=deployment.function)["Version"]
    client.update_alias(FunctionName=deployment.function, Name=deployment.alias, FunctionVersion=version)
