"""The thin client sends what botocore's client sends, and returns and raises what that does."""

from __future__ import annotations

import itertools
import json
import ssl
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from botocore.awsrequest import AWSResponse, HeadersDict
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionClosedError,
    EndpointConnectionError,
    FlexibleChecksumError,
    NoRegionError,
    ProxyConnectionError,
    SSLError,
)
from botocore.parsers import ResponseParserError
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from orderstream.deploy.endpoint_table import endpoint_table, write_endpoint_table
from orderstream.sdk.endpoints import regions
from orderstream.sdk.service_endpoints import service_endpoint
from orderstream.sdk.thin_client import DynamoClient, S3Client
from tests.unit.sdk.server import Body, Server, answer, serving

KEYS = {"AWS_ACCESS_KEY_ID": "AKID", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_SESSION_TOKEN": "token"}
STATEMENTS = [{"Statement": "INSERT INTO \"Orders\" VALUE {'A': ?}", "Parameters": [{"S": "ä"}]}]
KEYS_READ = {"Orders": {"Keys": [{"OrderID": {"S": "A"}}], "ConsistentRead": True}}
OBJECT = "orders/2026/shardId-1:2 ä+~.gz"
CALLS: dict[str, Callable[[Any, Any], Any]] = {
    "batch_execute_statement": lambda dynamo, _: dynamo.batch_execute_statement(Statements=STATEMENTS),
    "batch_get_item": lambda dynamo, _: dynamo.batch_get_item(RequestItems=KEYS_READ),
    "query": lambda dynamo, _: dynamo.query(TableName="OrderEvents", KeyConditionExpression="a = :b"),
    "put_object": lambda _, s3: s3.put_object(Bucket="b", Key=OBJECT, Body=b"body", IfNoneMatch="*"),
    "get_object": lambda _, s3: s3.get_object(Bucket="b", Key=OBJECT),
}
# Of one request alone, and what only botocore says about itself.
OF_ONE = {"authorization", "x-amz-date", "user-agent", "amz-sdk-invocation-id", "amz-sdk-request"}
# It accepts compressed responses, which there are not, and asks before it sends a body.
OF_BOTOCORE = {"accept-encoding", "expect"}


def thin(server: Server, **more: str) -> tuple[DynamoClient, S3Client]:
    environ = {"AWS_REGION": "eu-west-1", "AWS_ENDPOINT_URL": server.url, **KEYS, **more}
    return DynamoClient(2, environ, lambda _: None), S3Client(2, environ, lambda _: None)


def sdks(server: Server) -> tuple[Any, Any]:
    session: Any = botocore.session.Session()
    session.set_credentials(*KEYS.values())
    config = Config(connect_timeout=2, read_timeout=5, retries={"mode": "standard", "total_max_attempts": 3})
    more = {"region_name": "eu-west-1", "endpoint_url": server.url, "config": config}
    return session.create_client("dynamodb", **more), session.create_client("s3", **more)


@pytest.mark.parametrize("call", CALLS)
def test_a_request_is_the_one_that_botocore_sends(call: str) -> None:
    with serving(answer(b"" if call == "put_object" else b"{}")) as server:
        CALLS[call](*sdks(server))
        CALLS[call](*thin(server))
        wanted, found = server.received
    assert found.line == wanted.line
    assert found.body == wanted.body or json.loads(found.body) == json.loads(wanted.body)
    ignored = OF_ONE | OF_BOTOCORE | ({"content-length"} if found.body != wanted.body else set())
    assert {"authorization", "x-amz-date"} <= found.headers.keys()
    hashes = {"x-amz-content-sha256": found.headers["x-amz-content-sha256"]}
    said = {name: value for name, value in wanted.headers.items() if name not in ignored}
    assert {name: value for name, value in found.headers.items() if name not in ignored} == said | hashes


NOT_FOUND = b'{"__type": "com.amazonaws.dynamodb.v20120810#ResourceNotFoundException", "message": "gone"}'
XML = b'<?xml version="1.0"?><Error><Code>%b</Code><Message>no</Message><RequestId>r</RequestId></Error>'
CHUNKED = (
    b"HTTP/1.1 412 Precondition Failed\r\ncontent-type: application/xml\r\ntransfer-encoding: chunked\r\n\r\n"
    b"%x\r\n%b\r\n0\r\n\r\n" % (len(XML % b"PreconditionFailed"), XML % b"PreconditionFailed")
)
STATEMENT, PUT = "batch_execute_statement", "put_object"
ANSWERS = {
    "a JSON error": (STATEMENT, answer(NOT_FOUND, "400 Bad Request")),
    "a throttle": (STATEMENT, answer(b'{"__type": "x#ThrottlingException", "Message": "slower"}', "400 Bad")),
    "a failure": (STATEMENT, answer(b'{"__type": "x#InternalServerError"}', "500 Internal Server Error")),
    "no JSON": (STATEMENT, answer(b"<html>no</html>", "503 Service Unavailable")),
    "an empty error": (PUT, answer(b"", "400 Bad Request")),
    "an XML error": (PUT, answer(XML % b"AccessDenied", "403 Forbidden")),
    "a chunked error": (PUT, CHUNKED),
    "an interim response": (
        PUT,
        b"HTTP/1.1 100 Continue\r\n\r\n" + answer(XML % b"SlowDown", "503 Slow Down"),
    ),
    "an error after 200": (PUT, answer(XML % b"InternalError")),
    "an answer that breaks off": (STATEMENT, b"HTTP/1.1 200 OK\r\ncontent-length: 999\r\n\r\n{"),
    "no HTTP": (PUT, b"hello\r\n\r\nconnection: close"),
    "no answer": (STATEMENT, b""),
}


@pytest.mark.parametrize(("call", "given"), ANSWERS.values(), ids=ANSWERS)
def test_an_error_is_the_one_that_botocore_raises(call: str, given: bytes) -> None:
    def outcome(clients: Callable[[Server], tuple[Any, Any]]) -> tuple[Any, ...]:
        with serving(given) as server:
            with pytest.raises((ClientError, BotoCoreError)) as raised:
                CALLS[call](*clients(server))
            asked = len(server.received)
        error = raised.value
        if not isinstance(error, ClientError):
            return type(error), asked, str(error).replace(server.url, "")
        response: dict[str, Any] = dict(error.response)
        # botocore has a class for each code.
        return asked, str(error), response["Error"], response["ResponseMetadata"]["HTTPStatusCode"]

    assert outcome(thin) == outcome(sdks)


def test_a_response_whose_headers_break_off_is_none() -> None:
    with serving(b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-le") as server:
        with pytest.raises(ConnectionClosedError):
            CALLS["put_object"](*thin(server))


@pytest.mark.parametrize("body", [b"{", b"[]", b"\xff", b'"text"'])
def test_an_answer_that_is_no_document_is_refused(body: bytes) -> None:
    with serving(answer(body)) as server, pytest.raises(ResponseParserError):
        CALLS["batch_execute_statement"](*thin(server))


def test_where_nothing_listens_is_the_endpoint_that_botocore_names() -> None:
    with serving(b"") as server:
        pass
    with pytest.raises(EndpointConnectionError, match=server.url):
        CALLS["query"](*thin(server))


def test_a_call_is_made_again_after_a_failure_and_then_answered() -> None:
    with serving(answer(b"{}", "500 Oops"), b"", answer(b'{"Items": []}')) as server:
        assert CALLS["query"](*thin(server)) == {"Items": []}
        assert len(server.received) == 3


def test_a_connection_is_kept_and_one_that_the_server_closed_is_replaced() -> None:
    with serving(answer(), answer(), answer(connection="close"), answer()) as server:
        dynamo, _ = thin(server)
        for _ in range(5):
            dynamo.query(TableName="T")
        assert (server.connections, len(server.received)) == (2, 5)


def test_an_object_comes_back_and_a_wrong_checksum_is_an_error() -> None:
    right, wrong = (
        answer(b"body", x_amz_checksum_crc32="26gLsg=="),
        answer(b"bodx", x_amz_checksum_crc32="26gLsg=="),
    )
    with serving(answer(b"body"), right, wrong) as server:
        _, s3 = thin(server)
        assert s3.get_object(Bucket="b", Key="k")["Body"].read() == b"body"
        assert s3.get_object(Bucket="b", Key="k")["Body"].read() == b"body"
        with pytest.raises(FlexibleChecksumError):
            s3.get_object(Bucket="b", Key="k")


def test_credentials_are_read_anew_for_each_call() -> None:
    with serving(answer()) as server:
        environ = {"AWS_REGION": "eu-west-1", "AWS_ENDPOINT_URL": server.url, **KEYS}
        dynamo = DynamoClient(1, environ)
        dynamo.query(TableName="T")
        environ |= {"AWS_ACCESS_KEY_ID": "NEXT", "AWS_SESSION_TOKEN": "next"}
        dynamo.query(TableName="T")
        first, second = server.received
    assert "Credential=AKID/" in first.headers["authorization"]
    assert "Credential=NEXT/" in second.headers["authorization"]
    assert second.headers["x-amz-security-token"] == "next"


def test_a_proxy_is_asked_for_the_whole_url_and_not_if_the_host_is_excepted() -> None:
    with serving(answer(b"")) as proxy, serving(answer(b"")) as server:
        url = f"http://user:pass@127.0.0.1:{proxy.port}"
        CALLS["put_object"](*thin(server, http_proxy=url))
        CALLS["put_object"](*thin(server, HTTP_PROXY=url, no_proxy="127.0.0.1"))
        (through,), (direct,) = proxy.received, server.received
    assert through.line.startswith(f"PUT {server.url}/b/orders/")
    assert through.headers["proxy-authorization"] == "Basic dXNlcjpwYXNz"
    assert direct.line.startswith("PUT /b/orders/")
    assert "proxy-authorization" not in direct.headers


def test_https_goes_through_a_tunnel_and_a_refused_one_is_a_proxy_error() -> None:
    with serving(answer(b"", "403 Forbidden")) as proxy:
        url = f"http://user:pass@127.0.0.1:{proxy.port}"
        environ = {"AWS_REGION": "eu-west-1", "HTTPS_PROXY": url, **KEYS}
        with pytest.raises(ProxyConnectionError) as raised:
            CALLS["query"](DynamoClient(1, environ, lambda _: None), None)
        assert proxy.received[0].line.startswith("CONNECT dynamodb.eu-west-1.amazonaws.com:443 ")
    assert "pass" not in str(raised.value)


def certificate_for(host: str, folder: Path) -> ssl.SSLContext:
    """A server's context with a certificate that it signed itself; the file is `folder`/cert.pem."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, host)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    secret = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "cert.pem").write_bytes(made.public_bytes(pem))
    (folder / "both.pem").write_bytes(secret + made.public_bytes(pem))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "both.pem")
    return context


def test_a_server_with_a_certificate_of_the_bundle_is_trusted(tmp_path: Path) -> None:
    with serving(answer(b'{"Items": []}'), tls=certificate_for("localhost", tmp_path)) as server:
        clients = thin(server, AWS_CA_BUNDLE=str(tmp_path / "cert.pem"))
        assert CALLS["query"](*clients) == CALLS["query"](*clients) == {"Items": []}
        assert server.connections == 1


def test_a_server_with_another_certificate_or_name_is_not_trusted(tmp_path: Path) -> None:
    with serving(answer(), tls=certificate_for("localhost", tmp_path)) as server:
        with pytest.raises(SSLError):
            CALLS["query"](*thin(server))
    with serving(answer(), tls=certificate_for("elsewhere", tmp_path)) as server:
        with pytest.raises(SSLError):
            CALLS["query"](*thin(server, AWS_CA_BUNDLE=str(tmp_path / "cert.pem")))
        assert server.received == []


def test_the_trace_of_the_invocation_is_passed_on() -> None:
    with serving(answer()) as server:
        CALLS["query"](*thin(server, _X_AMZN_TRACE_ID="Root=1-2"))
        assert server.received[0].headers["x-amzn-trace-id"] == "Root=1-2"


def test_without_a_region_there_is_no_client() -> None:
    with pytest.raises(NoRegionError):
        DynamoClient(1, KEYS)


@pytest.mark.parametrize(
    ("region", "fips", "dual_stack"),
    [
        *itertools.product(["eu-west-1", "us-east-1", "us-gov-west-1"], [False, True], [False, True]),
        ("cn-north-1", False, False),
        ("cn-north-1", False, True),
    ],
)
def test_an_endpoint_is_the_one_that_botocore_calls(region: str, fips: bool, dual_stack: bool) -> None:
    session: Any = botocore.session.Session()
    session.set_credentials(*KEYS.values())
    config = Config(
        use_fips_endpoint=fips,
        use_dualstack_endpoint=dual_stack,
        s3={"us_east_1_regional_endpoint": "regional"},
        retries={"total_max_attempts": 1},
    )
    asked: list[str] = []

    def answered(request: Any, **_: Any) -> Any:
        asked.append(request.url)
        return AWSResponse(request.url, 200, HeadersDict(), Body(b"{}"))  # type: ignore[arg-type]

    for service in ("dynamodb", "s3"):
        client = session.create_client(service, region_name=region, config=config)
        client.meta.events.register("before-send", answered)
        client.query(TableName="T") if service == "dynamodb" else client.get_object(Bucket="bucket", Key="k")
    environ = {
        "AWS_REGION": region,
        "AWS_USE_FIPS_ENDPOINT": str(fips),
        "AWS_USE_DUALSTACK_ENDPOINT": str(dual_stack),
    }
    dynamo, s3 = DynamoClient(1, environ), S3Client(1, environ)
    server, _, path = s3.place("GET", "bucket", "k")
    assert [f"{dynamo.endpoint.url}/", f"{server}{path}"] == asked
    assert s3.place("GET", "with.dot", "k")[0] == s3.endpoint.url


def test_the_environment_names_the_endpoint_or_its_kind() -> None:
    fips = {"AWS_USE_FIPS_ENDPOINT": "true", "AWS_USE_DUALSTACK_ENDPOINT": "True"}
    found = service_endpoint("s3", "us-east-1", fips)
    assert found == ("https://s3-fips.dualstack.us-east-1.amazonaws.com", False)
    custom = {"AWS_ENDPOINT_URL": "http://a:1/", "AWS_ENDPOINT_URL_S3": "http://b"}
    assert service_endpoint("dynamodb", "eu-west-1", custom) == ("http://a:1", True)
    assert service_endpoint("s3", "eu-west-1", custom) == ("http://b", True)
    ignored = {**custom, "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true"}
    assert (
        service_endpoint("dynamodb", "eu-west-1", ignored).url == "https://dynamodb.eu-west-1.amazonaws.com"
    )


def test_the_table_of_an_artifact_has_every_region_of_botocore(tmp_path: Path) -> None:
    table = endpoint_table()
    assert regions() - {"aws-global"} <= {name.partition(" ")[0] for name in table["dynamodb"]}
    assert table["dynamodb"]["eu-west-1"] == "https://dynamodb.eu-west-1.amazonaws.com"
    assert (
        table["s3"]["us-gov-west-1 fips dual-stack"]
        == "https://s3-fips.dualstack.us-gov-west-1.amazonaws.com"
    )
    folder = tmp_path / "orderstream" / "sdk"
    write_endpoint_table(tmp_path)
    assert not folder.exists()
    folder.mkdir(parents=True)
    (folder / "service_endpoints.py").touch()
    write_endpoint_table(tmp_path)
    assert json.loads((folder / "endpoints.json").read_text()) == table
