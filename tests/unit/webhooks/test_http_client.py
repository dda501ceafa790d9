"""Requests over real sockets: statuses, redirects, slow and large responses, and lost connections."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from orderstream.webhooks.address import parse_url
from orderstream.webhooks.http_client import MOST_BYTES, Answer, HttpClient
from tests.unit.webhooks.receiver import Handler, receiver

HEADERS = {"content-type": "application/json"}


@contextmanager
def client_of(
    url: str, *, seconds: float = 15.0, addresses: tuple[str, ...] = ("127.0.0.1",)
) -> Iterator[HttpClient]:
    with closing(HttpClient(parse_url(url, private=True), addresses, seconds=seconds)) as client:
        yield client


def post(url: str, *, seconds: float = 15.0, addresses: tuple[str, ...] = ("127.0.0.1",)) -> Answer:
    """What one request gets."""
    with client_of(url, seconds=seconds, addresses=addresses) as client:
        return client.post(b"{}", HEADERS)


def test_a_request_has_the_body_the_path_and_the_name_of_the_host() -> None:
    seen = []

    def respond(handler: Handler) -> None:
        seen.append((handler.path, handler.headers["host"], handler.body))
        handler.answer(204)

    with receiver(respond) as url:
        # The name is not resolved again: it goes to the address that was checked.
        named = url.replace("127.0.0.1", "webhook.invalid")
        answer = post(named)
    assert (answer.status, answer.error) == (204, "")
    (path, host, body) = seen[0]
    assert (path, host.partition(":")[0], body) == ("/hook?x=1", "webhook.invalid", b"{}")


def test_redirects_are_not_followed() -> None:
    with receiver(lambda handler: handler.answer(302, location="http://127.0.0.1:1/")) as url:
        answer = post(url)
    assert (answer.status, answer.error) == (302, "status 302, and redirects are not followed")


def test_retry_after_is_a_number_or_a_date_of_a_429_or_503() -> None:
    later = format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True)
    wanted = [
        (429, "120", 120),
        (503, "0", 0),
        (503, later, 3600),
        (503, "soon", None),
        (500, "120", None),
        (429, "-1", None),
        (429, "9" * 400, 999_999_999),
    ]
    replies = iter(wanted)

    def respond(handler: Handler) -> None:
        status, said, _ = next(replies)
        handler.answer(status, Retry_After=said)

    with receiver(respond) as url, client_of(url) as client:
        for _, _, seconds in wanted:
            found = client.post(b"{}", HEADERS).retry_after
            assert found == (pytest.approx(seconds, abs=5) if seconds is not None else None)


def test_connections_are_used_again_and_replaced_when_the_endpoint_closed_them() -> None:
    connections = []

    def respond(handler: Handler) -> None:
        connections.append(handler.client_address)
        handler.answer(200, b"thanks")
        # Without saying so.
        handler.close_connection = len(connections) == 2

    with receiver(respond) as url, client_of(url) as client:
        assert [client.post(b"{}", HEADERS).status for _ in range(4)] == [200] * 4
    assert connections[0] == connections[1] != connections[2] == connections[3]


def test_a_large_response_is_not_read_and_its_connection_is_not_used_again() -> None:
    connections = []

    def respond(handler: Handler) -> None:
        connections.append(handler.client_address)
        handler.answer(200, b"x" * (MOST_BYTES + 1))

    with receiver(respond) as url, client_of(url) as client:
        assert [client.post(b"{}", HEADERS).error for _ in range(2)] == ["", ""]
    assert connections[0] != connections[1]


@pytest.mark.parametrize("drips", [False, True])
def test_a_response_that_takes_too_long_is_cut_off_however_it_arrives(drips: bool) -> None:
    done = threading.Event()

    def respond(handler: Handler) -> None:
        if drips:
            handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
        while not done.wait(0.02):
            try:
                handler.wfile.write(b"X: y\r\n" if drips else b"")
            except OSError:
                return

    with receiver(respond) as url:
        answer = post(url, seconds=0.2)
        done.set()
    assert (answer.status, answer.error) == (0, "no response in time")


def test_a_connection_that_breaks_is_a_failure_with_its_reason() -> None:
    replies = iter([b"", b"nonsense\r\n\r\n"])

    def respond(handler: Handler) -> None:
        handler.wfile.write(next(replies))
        handler.close_connection = True

    with receiver(respond) as url:
        errors = [post(url).error for _ in range(2)]
    assert errors == ["the connection was closed without a response", "the response is not HTTP"]
    # Nobody listens there any more.
    assert post(url).error == "connection refused"


def test_the_next_address_is_tried_when_one_refuses() -> None:
    with receiver(lambda handler: handler.answer(200)) as url:
        assert post(url, addresses=("127.0.0.2", "127.0.0.1")).status == 200


def test_a_server_without_tls_is_no_https_endpoint() -> None:
    with receiver(lambda handler: handler.answer(200)) as url:
        answer = post(url.replace("http:", "https:"))
    assert (answer.status, answer.error) == (0, "no TLS connection")


def certificate(host: str, folder: Path) -> Path:
    """A file with a certificate of a host, signed by itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    file = folder / "certificate.pem"
    file.write_bytes(made.public_bytes(Encoding.PEM) + secret)
    return file


def test_the_certificate_must_be_that_of_the_host_whatever_address_it_has(tmp_path: Path) -> None:
    file = certificate("shop.example", tmp_path)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(file)
    trusting = ssl.create_default_context(cafile=str(file))
    with receiver(lambda handler: handler.answer(200), server) as url:
        found = []
        for host, tls in (("shop.example", trusting), ("evil.example", trusting), ("shop.example", None)):
            target = parse_url(url.replace("127.0.0.1", host), private=True)
            with closing(HttpClient(target, ["127.0.0.1"], tls=tls)) as client:
                found.append(client.post(b"{}", HEADERS).error)
    trusted, other, unknown = found
    assert trusted == ""
    assert other.startswith("the certificate is not valid: Hostname mismatch")
    assert unknown == "the certificate is not valid: self-signed certificate"


def test_what_cannot_be_sent_is_a_failure_and_no_crash() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    with client_of(f"http://127.0.0.1:{port}/") as client:
        assert client.post(b"{}", {"x": "a\r\nb: c"}).status == 0
