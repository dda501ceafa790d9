"""The table of the endpoints of all regions, so that a function need not import botocore to find its own."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import botocore.session
from botocore.exceptions import BotoCoreError

from orderstream.sdk import service_endpoints
from orderstream.sdk.service_endpoints import resolved, variant

_SERVICES = ("dynamodb", "s3")


def endpoint_table() -> dict[str, dict[str, str]]:
    """By service, the endpoint of each variant of each region (see `service_endpoints.variant`)."""
    session = botocore.session.Session()
    table: dict[str, dict[str, str]] = {service: {} for service in _SERVICES}
    for service, partition in itertools.product(_SERVICES, session.get_available_partitions()):
        regions = session.get_available_regions(service, partition_name=partition)
        for region, fips, dual_stack in itertools.product(regions, (False, True), (False, True)):
            try:
                url = resolved(service, region, fips=fips, dual_stack=dual_stack)
            except BotoCoreError:
                # This region has no such endpoint.
                continue
            table[service][variant(region, fips=fips, dual_stack=dual_stack)] = url
    return table


def write_endpoint_table(sources: Path) -> None:
    """Write the table to where the modules in `sources` read it, if these are among them."""
    module = sources / "orderstream" / "sdk" / Path(service_endpoints.__file__).name
    if module.exists():
        table = json.dumps(endpoint_table(), separators=(",", ":"), sort_keys=True)
        module.with_name(service_endpoints.TABLE.name).write_text(table)
