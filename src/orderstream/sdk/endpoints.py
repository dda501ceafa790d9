"""Which endpoint is on this machine, and what to check when one does not answer."""

import difflib
import re
from urllib.parse import urlsplit

import botocore.session

_LOOPBACK = {"127.0.0.1", "localhost", "::1"}
_OF_AWS = re.compile(r"\.([a-z0-9-]+)\.(?:amazonaws\.com(?:\.cn)?|api\.aws)$")


def is_loopback(url: str) -> bool:
    """Whether `url` is on this machine, and so belongs to a local cloud."""
    return urlsplit(url).hostname in _LOOPBACK


def why_unreachable(url: str) -> str:
    """What to check when nothing answers at `url`."""
    host = urlsplit(url).hostname or ""
    if is_loopback(url):
        return (
            'is the local cloud running (orders up)? is AWS_ENDPOINT_URL meant (eval "$(orders stack env)")?'
        )
    found = _OF_AWS.search(host)
    if found is None:
        return f"is AWS_ENDPOINT_URL right? is the network up, and can this machine reach {host}?"
    region, known = found[1], regions()
    if region in known:
        return f"region {region} exists: is the network up, and can this machine reach {host}?"
    similar = difflib.get_close_matches(region, sorted(known), n=1)
    meant = f"did you mean {similar[0]}?" if similar else "is it mistyped?"
    return f"this version of the SDK knows no region {region}: {meant} (--region, AWS_REGION or the profile)"


def regions() -> set[str]:
    """The regions that the SDK knows, of all partitions."""
    session = botocore.session.Session()
    names = session.get_available_partitions()
    return {one for name in names for one in session.get_available_regions("kinesis", partition_name=name)}
