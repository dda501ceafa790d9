"""Check the URL of a webhook and the addresses of its host: nothing internal is ever called.

Whoever registers a webhook could otherwise let the function read what only the account can reach, such as the
instance metadata service.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import msgspec

from orderstream.errors import InputError

MOST_CHARACTERS = 2048
_HTTPS_PORT = 443
# Ports below it belong to services that are no web servers, such as SMTP.
_FIRST_FREE_PORT = 1024
# Networks that is_global accepts, and that lead to IPv4 addresses: NAT64, 6to4 and Teredo.
_TRANSLATED = tuple(
    ipaddress.IPv6Network(network) for network in ("64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32")
)

Lookup = Callable[..., list[Any]]


class EndpointAddress(msgspec.Struct, frozen=True):
    """Where a webhook sends to. `path` includes the query."""

    tls: bool
    host: str
    port: int
    path: str


def parse_url(url: str, *, private: bool = False) -> EndpointAddress:
    """The target of a URL. With `private`, it may be http:// and have any port.

    Raises InputError for anything else.
    """
    if len(url) > MOST_CHARACTERS or not re.fullmatch(r"[\x21-\x7e]+", url):
        raise InputError(
            f"a URL has at most {MOST_CHARACTERS} printable ASCII characters and no blanks",
            hint="encode other characters as %XX, and the host as xn--…",
        )
    try:
        parts = urlsplit(url)
        port = parts.port
        host = parts.hostname or ""
    except ValueError as error:
        raise InputError(f"{url} is not a valid URL: {error}") from None
    schemes = ("https", "http") if private else ("https",)
    if parts.scheme not in schemes or not host:
        raise InputError(f"{url} does not begin with {'://, or '.join(schemes)}://HOST", hint=_hint(private))
    if parts.username is not None or parts.password is not None:
        raise InputError(
            "a URL with a user name or password is refused", hint="deliveries are authenticated by signature"
        )
    if parts.fragment:
        raise InputError("a URL with a fragment (#) is refused", hint="servers never receive it")
    tls = parts.scheme == "https"
    port = port if port is not None else (_HTTPS_PORT if tls else 80)
    if not private and port != _HTTPS_PORT and port < _FIRST_FREE_PORT:
        raise InputError(
            f"port {port} is refused", hint=f"use {_HTTPS_PORT}, or {_FIRST_FREE_PORT} and above"
        )
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return EndpointAddress(tls, host, port, path)


def addresses(
    target: EndpointAddress, *, private: bool = False, lookup: Lookup = socket.getaddrinfo
) -> list[str]:
    """The IP addresses of a target's host, IPv4 first.

    Raises InputError if it has none, or, unless `private`, if any of them is not public.
    """
    try:
        found = lookup(target.host, target.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise InputError(f"the host {target.host} has no address", hint="is the name right?") from None
    # A function outside a VPC reaches only IPv4.
    listed = dict.fromkeys(str(one[4][0]) for one in sorted(found, key=lambda one: one[0] != socket.AF_INET))
    if not private and (refused := [address for address in listed if not is_public(address)]):
        raise InputError(
            f"the host {target.host} has the address {refused[0]}, which is not public", hint=_hint(private)
        )
    return list(listed)


def is_public(address: str) -> bool:
    """Whether an IP address is globally routable, and does not stand for another one."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(found, ipaddress.IPv6Address) and (
        found.ipv4_mapped or any(found in network for network in _TRANSLATED)
    ):
        return False
    return found.is_global and not found.is_multicast and not found.is_reserved


def _hint(private: bool) -> str:
    return "" if private else "WebhookPrivateAddresses=true allows http:// and private addresses"
