"""The local cloud, its API and its page answer their user's programs and pages, and nobody else."""

from __future__ import annotations

import http.client
import json
import os
import pwd
import stat
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from botocore.exceptions import ClientError

from orderstream.aws.clients import AwsClients
from orderstream.local.cloud import LocalCloud
from orderstream.local.ministack import MiniStack
from orderstream.local.registry import running_instances
from tests.integration.dashboard import browser as browsers
from tests.integration.up import Up, up

SERVICES = (
    ("kinesis", "list_streams"),
    ("dynamodb", "list_tables"),
    ("s3", "list_buckets"),
    ("sqs", "list_queues"),
    ("lambda_", "list_functions"),
    ("cloudformation", "list_stacks"),
    ("cloudwatch", "list_metrics"),
    ("logs", "describe_log_groups"),
)


def asked(
    port: int, path: str, headers: dict[str, str], method: str = "GET", body: bytes = b""
) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body of the answer to a request with exactly these headers."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        for name, value in ({"Host": f"127.0.0.1:{port}"} | headers).items():
            connection.putheader(name, value)
        connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body)
        answer = connection.getresponse()
        return answer.status, {n.lower(): v for n, v in answer.getheaders()}, answer.read()
    finally:
        connection.close()


# One of each header by which a foreign page is known; all their values are in tests/unit/api/test_access.py.
FOREIGN = [{"Host": "shop.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "same-site"}]


def test_ministack_refuses_a_foreign_host_and_foreign_pages_even_with_the_secret(
    ministack: MiniStack,
) -> None:
    for headers in FOREIGN:
        with_secret = headers | {"X-Amz-Security-Token": ministack.token}
        for path, method in (("/_ministack/health", "GET"), ("/b", "OPTIONS"), ("/bucket/k", "PUT")):
            status, told, body = asked(ministack.port, path, with_secret, method)
            assert status == 403 and json.loads(body)["title"] == "Forbidden"
            assert not [name for name in told if name.startswith("access-control-")]


def test_ministack_answers_its_own_names_and_allows_no_other_origin(ministack: MiniStack) -> None:
    for host in (f"localhost:{ministack.port}", "bucket.s3.localhost"):
        for origin in ({}, {"Origin": f"http://{host}", "Sec-Fetch-Site": "same-origin"}):
            headers = {"Host": host, "X-Amz-Security-Token": ministack.token} | origin
            status, told, _ = asked(ministack.port, "/_ministack/health", headers)
            assert status == 200 and told["x-content-type-options"] == "nosniff"
            assert "sandbox" in told["content-security-policy"]
            assert not [name for name in told if name.startswith("access-control-")]


@pytest.mark.parametrize("path", ["/_ministack/health", "/_ministack/reset", "/_ministack/config", "/health"])
def test_nothing_of_ministack_is_reached_without_the_secret(ministack: MiniStack, path: str) -> None:
    for headers in ({}, {"X-Amz-Security-Token": "another"}, {"X-Amz-Security-Token": ""}):
        for method in ("GET", "POST"):
            assert asked(ministack.port, path, headers, method)[0] == 403


def test_public_keys_are_told_and_lead_to_nothing_else(ministack: MiniStack, cloud: AwsClients) -> None:
    cognito: Any = cloud._client("cognito-idp")
    pool = cognito.create_user_pool(PoolName="shops")["UserPool"]["Id"]
    path = f"/{pool}/.well-known/jwks.json"
    status, _, body = asked(ministack.port, path, {})
    assert status == 200 and json.loads(body)["keys"]
    tables = {"X-Amz-Target": "DynamoDB_20120810.ListTables", "Content-Type": "application/x-amz-json-1.0"}
    assert asked(ministack.port, path, tables, "POST", b"{}")[0] == 403
    assert b"TableNames" not in asked(ministack.port, path, tables, "GET", b"{}")[2]
    assert asked(ministack.port, path, {"Host": "bucket.s3.localhost"}, "PUT", b"x")[0] == 403
    for other in (
        "/bucket/.well-known/jwks.json",
        f"{path}/../../bucket/key",
        "/eu-west-1_abc/.well-known/jwks.json",
    ):
        assert asked(ministack.port, other, tables)[0] == 403


def test_every_service_refuses_a_client_without_the_secret_and_says_what_to_do(
    cloud: AwsClients, ministack: MiniStack
) -> None:
    cloud.s3.list_buckets()
    stranger = replace(cloud, session_token="another")
    refused = [(stranger, service, method) for service, method in SERVICES]
    refused += [(replace(cloud, session_token=token), *SERVICES[0]) for token in (None, ministack.token[:-1])]
    for client, service, method in refused:
        with pytest.raises(ClientError, match="orders stack env") as error:
            getattr(getattr(client, service), method)()
        assert error.value.response["Error"]["Code"].startswith("AccessDenied")
        assert error.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403
    with pytest.raises(ClientError, match="orders stack env"):
        stranger.kinesis.put_records(
            StreamName="s", Records=[{"Data": b"x" * 900_000, "PartitionKey": "k"}] * 4
        )


def test_a_presigned_address_works_as_it_was_signed_and_not_without_its_token(
    cloud: AwsClients, ministack: MiniStack
) -> None:
    cloud.s3.create_bucket(Bucket="bucket", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    cloud.s3.put_object(Bucket="bucket", Key="k", Body=b"<script>1</script>")
    url = cloud.s3.generate_presigned_url("get_object", Params={"Bucket": "bucket", "Key": "k"})
    path = url.partition(f":{ministack.port}")[2]
    assert asked(ministack.port, path, {})[2] == b"<script>1</script>"
    assert asked(ministack.port, path.replace(ministack.token, "x"), {})[0] == 403
    assert asked(ministack.port, "/bucket/k", {})[0] == 403


def test_temporary_credentials_that_the_cloud_gave_out_are_taken_with_their_own_token(
    cloud: AwsClients,
) -> None:
    sts: Any = cloud._client("sts")
    given = sts.get_session_token()["Credentials"]
    temporary = replace(
        cloud,
        access_key=given["AccessKeyId"],
        secret_key=given["SecretAccessKey"],
        session_token=given["SessionToken"],
    )
    assert temporary.s3.list_buckets()["ResponseMetadata"]["HTTPStatusCode"] == 200
    with pytest.raises(ClientError, match="AccessDenied"):
        replace(temporary, session_token="another").s3.list_buckets()
    with pytest.raises(ClientError, match="AccessDenied"):
        replace(temporary, session_token=None).s3.list_buckets()


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    """An `orders up` in a terminal of its own."""
    home = tmp_path_factory.mktemp("up")
    with up(home, "--state-dir", str(home / "state"), umask=0) as running:
        running.await_ready()
        yield running
        assert running.stop() == 0


def ports(running: Up) -> tuple[int, int]:
    """Of the cloud, and of its API and page."""
    return running.port, int(running.api_url.rpartition(":")[2])


_STRANGER = """
import os, sys, urllib.error, urllib.request
port, note, *paths = sys.argv[1:]
for path in paths:
    try:
        urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=20)
        print("answered", path)
    except urllib.error.HTTPError as error:
        print(error.code)
try:
    print(open(note).read())
except PermissionError:
    print("closed")
"""


def test_another_user_of_the_machine_is_refused_everything(running: Up) -> None:
    note = Path(running.environment["XDG_STATE_HOME"]) / "orderstream" / f"local-cloud-{running.port}.json"
    assert json.loads(note.read_text())["token"] == running.token
    as_nobody = {"user": "nobody", "group": pwd.getpwnam("nobody").pw_gid, "extra_groups": []}
    may_change = os.geteuid() == 0
    options: Any = as_nobody if may_change else {}
    done = subprocess.run(
        # Of the system: the environment of the tests may lie where nobody else may look.
        ["/usr/bin/python3", "-c", _STRANGER, str(running.port), str(note), "/", "/_ministack/health"],
        capture_output=True,
        text=True,
        check=True,
        cwd="/",
        env={},
        **options,
    )
    assert done.stdout.split() == ["403", "403", "closed" if may_change else note.read_text()]


def test_the_secret_is_no_argument_of_a_process(running: Up) -> None:
    for process in Path("/proc").glob("[0-9]*"):
        try:
            assert running.token.encode() not in (process / "cmdline").read_bytes()
        except OSError:
            continue


def test_notes_and_state_are_their_users_alone_whatever_the_umask(running: Up) -> None:
    home = Path(running.environment["XDG_STATE_HOME"])
    checked = [home / "orderstream", *(home / "orderstream").rglob("*"), home / "state"]
    checked += [path for path in (home / "state").rglob("*")]
    assert len(checked) > 3
    open_ones = {path: stat.filemode(path.stat().st_mode) for path in checked if path.stat().st_mode & 0o077}
    assert open_ones == {}


def test_a_note_of_another_user_or_that_others_can_write_is_passed_over(running: Up, tmp_path: Path) -> None:
    home = Path(running.environment["XDG_STATE_HOME"]) / "orderstream"
    (true,) = running_instances(home)
    note = tmp_path / f"local-cloud-{true.port}.json"
    for mode, owner, found in ((0o600, None, 1), (0o644, None, 1), (0o666, None, 0), (0o600, 65534, 0)):
        note.write_bytes((home / note.name).read_bytes())
        note.chmod(mode)
        if owner and os.geteuid() == 0:
            os.chown(note, owner, owner)
        elif owner:
            continue
        assert len(running_instances(tmp_path)) == found
        note.unlink()


def test_the_next_start_with_the_same_state_has_the_same_secret_and_another_state_another(
    running: Up, tmp_path: Path
) -> None:
    def token(name: str) -> str:
        local = LocalCloud(port=1, state_dir=tmp_path / name, progress=print, problem=print)
        return local.token

    assert token("one") == token("one") != token("two")
    assert len({LocalCloud(port=1, progress=print, problem=print).token for _ in range(3)}) == 3


def test_api_docs_and_page_refuse_a_foreign_host_and_foreign_pages_on_every_route(running: Up) -> None:
    _, port = ports(running)
    page = asked(port, "/live/", {})[2].decode()
    static = next(part for part in page.split('"') if part.startswith("/live/_nicegui/") and ".js" in part)
    socket = "/live/_nicegui_ws/socket.io/?EIO=4&transport="
    upgrade = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"}
    upgrade["Sec-WebSocket-Key"] = "dGhlIHNhbXBsZSBub25jZQ=="
    for path in ("/health", "/docs", "/orders/x", "/live/", static, f"{socket}polling", "/none"):
        assert asked(port, path, {})[0] != 403
        for headers in FOREIGN:
            assert asked(port, path, headers)[0] == 403, path
    for headers in FOREIGN:
        assert asked(port, "/orders", headers, "POST", b"{}")[0] == 403
        assert asked(port, f"{socket}websocket", headers | upgrade)[0] == 403


def test_what_api_and_page_answer_loads_nothing_from_elsewhere_and_is_framed_by_nobody(running: Up) -> None:
    _, port = ports(running)
    for path in ("/health", "/docs", "/live/", "/orders/none"):
        _, told, _ = asked(port, path, {})
        policy = told["content-security-policy"]
        for part in ("default-src 'self'", "frame-ancestors 'none'", "object-src 'none'", "base-uri 'none'"):
            assert part in policy
        assert "http:" not in policy and "*" not in policy
        assert told["x-content-type-options"] == "nosniff" and told["referrer-policy"] == "no-referrer"


_PAGE = """<!doctype html><title>shop</title><form id=f method=post target=t enctype=text/plain></form>
<iframe name=t></iframe>"""


class Elsewhere(BaseHTTPRequestHandler):
    """A web page of somebody else, on an origin of its own."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(_PAGE.encode())

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[int]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Elsewhere) as server:
        Thread(target=server.serve_forever).start()
        yield server.server_address[1]
        server.shutdown()


# What a page can do with an address: the statuses and texts that it can read, and whether a socket opens.
_ATTACK = """async ([url, ws, path, headers]) => {
  const tried = async (options) => {
    try {
      const answer = await fetch(url + path, options);
      return answer.type === 'opaque' ? 'opaque' : answer.status + await answer.text();
    } catch { return 'failed'; }
  };
  const opened = new Promise((done) => {
    const socket = new WebSocket(ws);
    socket.onopen = () => done('opened');
    socket.onerror = () => done('failed');
  });
  const body = '{"customer_id": "stolen", "amount": 1}';
  const form = document.getElementById('f');
  form.action = url + path;
  const field = document.createElement('input');
  // Sent as text/plain, NAME=VALUE is JSON.
  [field.name, field.value] = ['{"customer_id": "stolen", "amount": 1, "a": "', '"}'];
  form.append(field);
  form.submit();
  return [
    await tried({headers}),
    await tried({method: 'POST', body, headers: {...headers, 'Content-Type': 'application/json'}}),
    await tried({mode: 'no-cors'}),
    await tried({mode: 'no-cors', method: 'POST', body}),
    await opened,
  ];
}"""


def test_a_web_page_of_another_origin_can_neither_read_nor_write(elsewhere: int, running: Up) -> None:
    cloud, http_port = ports(running)
    # A browser takes another port of the same address for the same site.
    foreign = f"http://127.0.0.1:{elsewhere}/"
    with browsers.chromium() as browser, browsers.opened(browser, foreign) as (page, errors):
        errors.expected += [
            "CORS policy",
            "Failed to load resource",
            "WebSocket connection",
            "ERR_FAILED",
            "Framing",
        ]
        answers: list[tuple[str, int]] = []
        page.on("response", lambda answer: answers.append((answer.url, answer.status)))
        # It may even have found the secret.
        token = {"X-Amz-Security-Token": running.token}
        for port, path, headers in ((http_port, "/orders", {}), (cloud, "/bucket/key", token)):
            url = f"http://127.0.0.1:{port}"
            ws = f"ws://127.0.0.1:{http_port}/live/_nicegui_ws/socket.io/?EIO=4&transport=websocket"
            read = page.evaluate(_ATTACK, [url, ws, path, headers])
            assert read == ["failed", "failed", "opaque", "opaque", "failed"]
        statuses = {status for url, status in answers if not url.startswith(foreign)}
        # What is refused reaches no application: see tests/unit/api/test_access.py.
        assert statuses == {403}


def test_the_tools_of_aws_work_with_what_orders_env_exports(running: Up, tmp_path: Path) -> None:
    bin_ = Path(sys.executable).parent
    script = f"""
        set -eu
        eval "$({bin_}/orders stack env --port {running.port})"
        {bin_}/aws kinesis list-streams
        echo hello > hello.txt
        {bin_}/aws s3 cp hello.txt s3://order-data-archive/hello.txt
        curl -sSf --aws-sigv4 "aws:amz:$AWS_REGION:s3" --user "$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY" \\
            -H "x-amz-security-token: $AWS_SESSION_TOKEN" "$AWS_ENDPOINT_URL/order-data-archive/hello.txt"
        SAM_CLI_TELEMETRY=0 {bin_}/sam list stack-outputs --stack-name orderstream --output json
    """
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=tmp_path,
        env=running.environment,
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("hello\n") == 1
    assert "OrderStream" in done.stdout and '"OutputKey"' in done.stdout
