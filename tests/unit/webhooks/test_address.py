"""Which URLs and addresses are refused: whatever could lead into the account's own network."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from orderstream.errors import InputError
from orderstream.webhooks.address import EndpointAddress, addresses, is_public, parse_url


@pytest.mark.parametrize(
    "address",
    [
        "10.0.0.1",
        "127.0.0.1",
        "169.254.169.254",
        "172.16.0.1",
        "192.168.1.1",
        "100.64.0.1",
        "0.0.0.0",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "198.18.0.1",
        "::1",
        "::",
        "fe80::1",
        "fe80::1%eth0",
        "fd00:ec2::254",
        "ff02::1",
        "2001:db8::1",
        # These stand for IPv4 addresses.
        "::ffff:10.0.0.1",
        "::ffff:93.184.216.34",
        "::7f00:1",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b:1::a9fe:a9fe",
        "2002:7f00:1::",
        "2001::1",
        "x",
        "",
    ],
)
def test_an_address_that_is_not_public_is_refused(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["93.184.216.34", "1.1.1.1", "2606:2800:220:1:248:1893:25c8:1946"])
def test_an_address_on_the_internet_is_public(address: str) -> None:
    assert is_public(address)


def test_a_url_is_taken_apart() -> None:
    assert parse_url("https://a.example/x?y=1") == EndpointAddress(True, "a.example", 443, "/x?y=1")
    assert parse_url("https://a.example:8443") == EndpointAddress(True, "a.example", 8443, "/")
    assert parse_url("http://10.0.0.1:80/x", private=True) == EndpointAddress(False, "10.0.0.1", 80, "/x")


@pytest.mark.parametrize(
    "url",
    [
        "http://a.example/",
        "ftp://a.example/",
        "file:///etc/passwd",
        "a.example",
        "https://",
        "https:///x",
        "https://user@a.example/",
        "https://user:password@a.example/",
        "https://a.example/#x",
        "https://a.example:22/",
        "https://a.example:80/",
        "https://a.example:0/",
        "https://a.example:99999/",
        "https://a.example:x/",
        "https://[::1/",
        "https://a.example/ x",
        "https://a.example/\r\nX: y",
        "https://a.example/ä",
        "https://a.example/" + "x" * 2048,
    ],
)
def test_a_url_that_is_not_plain_https_is_refused(url: str) -> None:
    with pytest.raises(InputError):
        parse_url(url)


def resolving(*found: str) -> Any:
    def lookup(host: str, port: int, **_: Any) -> list[Any]:
        return [
            (socket.AF_INET6 if ":" in address else socket.AF_INET, 1, 6, "", (address, port))
            for address in found
        ]

    return lookup


def test_one_private_address_among_public_ones_refuses_the_host() -> None:
    target = parse_url("https://a.example/")
    with pytest.raises(InputError, match="10.0.0.1, which is not public"):
        addresses(target, lookup=resolving("1.1.1.1", "10.0.0.1"))
    assert addresses(target, private=True, lookup=resolving("10.0.0.1")) == ["10.0.0.1"]


def test_ipv4_addresses_come_first() -> None:
    found = addresses(parse_url("https://a.example/"), lookup=resolving("2606:2800::1", "1.1.1.1", "1.1.1.1"))
    assert found == ["1.1.1.1", "2606:2800::1"]


def test_a_host_without_an_address_is_refused() -> None:
    def lookup(host: str, port: int, **_: Any) -> list[Any]:
        raise socket.gaierror(socket.EAI_NONAME, "unknown")

    with pytest.raises(InputError, match="has no address"):
        addresses(parse_url("https://a.example/"), lookup=lookup)


@pytest.mark.parametrize(
    "host", ["2130706433", "0x7f.1", "0177.0.0.1", "127.1", "localhost", "[::ffff:127.0.0.1]"]
)
def test_other_spellings_of_this_machine_are_refused_by_what_they_resolve_to(host: str) -> None:
    with pytest.raises(InputError):
        addresses(parse_url(f"https://{host}/"))
