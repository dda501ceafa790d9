"""The endpoint that the environment variables of a function select, without botocore if possible.

An artifact has a table of the endpoints of all regions, which `orderstream.deploy.endpoint_table` makes with
botocore. Without one, and for a region that is newer than it, botocore is asked.
"""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

TABLE = Path(__file__).with_name("endpoints.json")


class Endpoint(NamedTuple):
    """The URL of a service, without a path; `is_custom` if it is no endpoint of AWS's own."""

    url: str
    is_custom: bool = False


def region_of(environ: Mapping[str, str]) -> str:
    """The region. Raises botocore's NoRegionError."""
    region = environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION")
    if not region:
        from botocore.exceptions import NoRegionError

        raise NoRegionError
    return region


def service_endpoint(service: str, region: str, environ: Mapping[str, str]) -> Endpoint:
    """The endpoint of a service in a region, FIPS or dual-stack if the environment says so."""
    if environ.get("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "").lower() != "true":
        custom = environ.get(f"AWS_ENDPOINT_URL_{service.upper()}") or environ.get("AWS_ENDPOINT_URL")
        if custom:
            return Endpoint(custom.rstrip("/"), is_custom=True)
    fips, dual_stack = (
        environ.get(name, "").lower() == "true"
        for name in ("AWS_USE_FIPS_ENDPOINT", "AWS_USE_DUALSTACK_ENDPOINT")
    )
    known: dict[str, dict[str, str]] = msgspec.json.decode(TABLE.read_bytes()) if TABLE.exists() else {}
    url = known.get(service, {}).get(variant(region, fips=fips, dual_stack=dual_stack))
    return Endpoint(url or resolved(service, region, fips=fips, dual_stack=dual_stack))


def variant(region: str, *, fips: bool, dual_stack: bool) -> str:
    """The name of a region in the table, with the kind of its endpoint."""
    return f"{region}{' fips' * fips}{' dual-stack' * dual_stack}"


def resolved(service: str, region: str, *, fips: bool, dual_stack: bool) -> str:
    """An endpoint by botocore's rules. Raises botocore's EndpointProviderError where there is none."""
    provider = _provider(service)
    found: str = provider.resolve_endpoint(Region=region, UseFIPS=fips, UseDualStack=dual_stack).url
    return found


@cache
def _provider(service: str) -> Any:
    from botocore.endpoint_provider import EndpointProvider
    from botocore.loaders import Loader

    loader = Loader()
    rules = loader.load_service_model(service, "endpoint-rule-set-1")
    return EndpointProvider(rules, loader.load_data("partitions"))
