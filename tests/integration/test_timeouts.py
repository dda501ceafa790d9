"""Inside of Lambda a dead connection costs a retry: the request or the round is answered in its time."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from collections.abc import Container
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from botocore.config import Config

from orderstream.archive.audit import audit
from orderstream.aws.clients import AwsClients
from orderstream.errors import CloudError
from orderstream.storage import bucket
from orderstream.storage.bucket import ALL_TIME
from tests.integration.archive_harness import filled
from tests.integration.dead_wire import DeadWire
from tests.integration.pipeline_harness import Pipe, environment_of
from tests.integration.reconciliation import order

pytestmark = pytest.mark.system

EVERY = range(1_000)
# What API Gateway leaves the function behind it.
LAMBDAS_SECONDS = 29.0

# Calls a handler as Lambda does, once, and prints its answer and how long it took.
LAMBDA = """
import importlib, json, sys, time

class Context:
    aws_request_id = "request-1"
    def get_remaining_time_in_millis(self):
        return 900_000

module, event = sys.argv[1], json.loads(sys.argv[2])
handle = importlib.import_module(module).handle
begun = time.monotonic()
answer = handle(event, Context())
sys.stdout.flush()
print(json.dumps([answer, time.monotonic() - begun]))
"""


def invoked(
    cloud: AwsClients, module: str, event: dict[str, Any], variables: dict[str, str]
) -> tuple[Any, float]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    done = subprocess.run(
        [sys.executable, "-c", LAMBDA, module, json.dumps(event)],
        env=inherited | environment_of(cloud) | variables,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    answer, seconds = json.loads(done.stdout.splitlines()[-1])
    return answer, seconds


def asked(
    pipe: Pipe, dead: Container[int], method: str, path: str, body: str = ""
) -> tuple[int, str, float, int]:
    """The API's answer over a wire with dead connections: status, body, seconds; and how many were made."""
    event = {
        "version": "2.0",
        "rawPath": path,
        "rawQueryString": "",
        "headers": {"content-type": "application/json", "host": "api"},
        "requestContext": {"http": {"method": method, "path": path, "sourceIp": "127.0.0.1"}},
        "body": body,
        "isBase64Encoded": False,
    }
    deployment = pipe.deployment
    variables = {"STACK_NAME": "test", "STREAM_NAME": deployment.stream, "TABLE_NAME": deployment.table}
    variables["ARCHIVE_BUCKET"] = deployment.bucket
    with DeadWire(pipe.cloud.endpoint_url or "", dead) as wire:
        there = replace(pipe.cloud, endpoint_url=wire.url)
        answer, seconds = invoked(there, "orderstream.api.lambda_handler", event, variables)
        said = answer["body"]
        if answer["isBase64Encoded"]:
            said = base64.b64decode(said).decode()
        return answer["statusCode"], said, seconds, wire.connections


def test_a_dead_connection_costs_the_api_a_retry_and_where_all_are_dead_it_says_so_in_its_time(
    cloud: AwsClients,
) -> None:
    pipe = Pipe(cloud)
    there, sent, lost = order("A-1"), order("A-2"), order("A-3")
    pipe.put(there)
    pipe.process()
    calls = (
        ({0}, "POST", "/orders", sent),
        # The first connection is to the table, and so is the second; the third is to the archive.
        ({0, 2}, "GET", "/orders/A-1/raw"),
        (EVERY, "POST", "/orders", lost),
        (EVERY, "GET", "/orders/A-1"),
    )
    with ThreadPoolExecutor(2) as threads:
        answers = list(threads.map(lambda call: asked(pipe, *call), calls))
    assert [status for status, _, _, _ in answers] == [202, 200, 503, 503]
    assert max(seconds for _, _, seconds, _ in answers) < LAMBDAS_SECONDS
    assert [connections for _, _, _, connections in answers[:2]] == [2, 4]
    assert min(connections for _, _, _, connections in answers[2:]) > 1
    assert answers[1][1] == there
    assert [record.data for record in pipe.records()] == [there.encode(), sent.encode()]


def test_a_dead_connection_costs_the_maintenance_a_retry(cloud: AwsClients) -> None:
    pipe = filled(cloud)
    variables = {
        "ARCHIVE_MAINTENANCE": "compact",
        "ARCHIVE_BUCKET": pipe.deployment.bucket,
        "DISCARDED_BUCKET": pipe.deployment.discarded_bucket,
        "FUNCTION_NAME": pipe.deployment.function,
        "DEFAULT_CURRENCY": "EUR",
        "STACK_NAME": "test",
    }
    with DeadWire(cloud.endpoint_url or "", {0}) as wire:
        there = replace(cloud, endpoint_url=wire.url)
        done, seconds = invoked(there, "orderstream.archive.lambda_handler", {}, variables)
        assert wire.connections > 1
    assert (done["problems"], done["late"]) == (0, 0)
    assert seconds < 60
    assert audit(pipe.deployment, ALL_TIME).findings == []


def test_an_object_is_read_to_its_end_though_its_connection_dies_in_the_middle(
    cloud: AwsClients, tmp_path: Path
) -> None:
    pipe, file = Pipe(cloud), tmp_path / "file"
    whole = os.urandom(3_000_000)
    pipe.write("x", whole)

    def read(wire: DeadWire) -> None:
        there = replace(cloud, endpoint_url=wire.url, timeouts=Config(connect_timeout=2, read_timeout=0.5))
        bucket.download(replace(pipe.deployment, cloud=there), bucket.summary_for_key("x"), file)

    with DeadWire(cloud.endpoint_url or "", {0, 1}, passing=1_000_000) as wire:
        read(wire)
        assert file.read_bytes() == whole
        assert wire.connections == 3
    with DeadWire(cloud.endpoint_url or "", EVERY, passing=1_000_000) as wire:
        with pytest.raises(CloudError, match="cannot read s3://"):
            read(wire)
        assert wire.connections == bucket.ATTEMPTS
