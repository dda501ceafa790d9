"""The order model that a stack was deployed with, as its template says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from orderstream.aws.clients import AwsClients
from orderstream.domain.model import Schema
from orderstream.errors import CloudError
from orderstream.sdk.errors import translate_errors

# Where the template has the schema, in its metadata.
METADATA = "OrderModel"


def deployed_schema(cloud: AwsClients, stack: str) -> Schema:
    """The JSON Schema of the orders of a stack. Raises CloudError if the stack does not have it."""
    with translate_errors(f"cannot read the template of stack {stack}"):
        body: Any = cloud.cloudformation.get_template(StackName=stack)["TemplateBody"]
    template: Mapping[str, Any] = body if isinstance(body, dict) else msgspec.json.decode(body)
    found = template.get("Metadata", {}).get(METADATA)
    if not isinstance(found, dict):
        raise CloudError(
            f"stack {stack} does not say with which order model it was deployed",
            hint="deploy it once with this version, or compare with a file of orders model schema",
        )
    return found
