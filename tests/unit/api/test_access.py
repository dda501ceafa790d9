"""A request is answered that comes to this machine's address, and from no page but the server's own."""

from __future__ import annotations

import asyncio
from collections.abc import MutableMapping
from typing import Any

import pytest

from orderstream.api.access import Receive, Scope, Send, local_only, refusal


def headers(**given: str) -> list[tuple[bytes, bytes]]:
    return [(name.replace("_", "-").encode(), value.encode()) for name, value in given.items()]


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "127.0.0.1:4566", "localhost:1", "LocalHost", "b.s3.localhost:1", "[::1]:1", "127.1"],
)
def test_this_machines_names_and_its_own_pages_are_answered(host: str) -> None:
    assert refusal(headers(host=host)) is None
    assert refusal(headers(host=host, origin=f"http://{host}", sec_fetch_site="same-origin")) is None
    assert refusal(headers(host=host, sec_fetch_site="none")) is None


@pytest.mark.parametrize(
    "host",
    [
        "",
        "shop.example",
        "localhost.shop.example",
        "127.0.0.1.shop.example",
        "shop.example@127.0.0.1",
        "127.0.0.1:1@shop.example",
        "127.0.0.1 shop.example",
        "127.0.0.1\n",
        "notlocalhost",
        "0.0.0.0",
        "10.0.0.1",
        "128.0.0.1",
        "[::]",
        "localhost:port",
    ],
)
def test_another_host_is_refused(host: str) -> None:
    assert refusal(headers(host=host))


def test_no_host_and_two_hosts_are_refused() -> None:
    assert refusal([])
    assert refusal([*headers(host="127.0.0.1"), *headers(Host="shop.example")])


@pytest.mark.parametrize(
    "origin", ["null", "", "http://127.0.0.1:2", "http://localhost:1", "http://shop.example", "127.0.0.1:1"]
)
def test_another_origin_is_refused(origin: str) -> None:
    assert refusal(headers(host="127.0.0.1:1", origin=origin))
    both = [*headers(host="127.0.0.1:1", origin="http://127.0.0.1:1"), *headers(Origin=origin)]
    assert refusal(both)


@pytest.mark.parametrize("site", ["cross-site", "same-site", "", "Cross-Site", "none, cross-site"])
def test_a_page_of_another_site_is_refused(site: str) -> None:
    assert refusal(headers(host="127.0.0.1:1", sec_fetch_site=site))


def answered(scope: Scope) -> list[MutableMapping[str, Any]]:
    """All that is sent in answer, by an application that allows every origin everything."""
    sent: list[MutableMapping[str, Any]] = []

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        loose = [(b"Access-Control-Allow-Origin", b"*"), (b"X-Own", b"1"), (b"Content-Security-Policy", b"")]
        await send({"type": "http.response.start", "status": 200, "headers": loose})

    async def receive() -> MutableMapping[str, Any]:
        return {"type": "websocket.connect"}

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    guarded = local_only(application, {"Content-Security-Policy": "default-src 'none'"})

    async def answer() -> None:
        await guarded(scope, receive, send)

    asyncio.run(answer())
    return sent


def test_an_answer_has_the_servers_headers_and_none_of_cors() -> None:
    (start,) = answered({"type": "http", "headers": headers(host="127.0.0.1")})
    assert start["headers"] == [(b"X-Own", b"1"), (b"content-security-policy", b"default-src 'none'")]


def test_what_is_refused_never_reaches_the_application() -> None:
    start, _ = answered({"type": "http", "headers": headers(host="shop.example")})
    assert start["status"] == 403
    (close,) = answered({"type": "websocket", "headers": headers(host="127.0.0.1", origin="null")})
    assert close["type"] == "websocket.close"
