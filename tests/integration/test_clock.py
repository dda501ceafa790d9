"""A machine whose clock is wrong sees the same orders, and an empty reading is never called clean."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

import pytest

from orderstream.archive.lease import Lease
from orderstream.archive.maintenance import maintain
from orderstream.aws.clients import AwsClients
from orderstream.aws.clock import ServiceClock
from orderstream.cli.options import span_of
from orderstream.errors import CloudError
from orderstream.recovery.verify import verify
from tests.integration.conftest import OrdersHere
from tests.integration.pipeline_harness import Pipe
from tests.integration.reconciliation import order

HOURS = timedelta(hours=2)


def off_by(cloud: AwsClients, behind: timedelta) -> AwsClients:
    """The same account, from a machine whose clock is so far behind. It has heard the service once."""
    machine = replace(cloud, clock=ServiceClock(here=lambda: datetime.now(UTC) - behind))
    machine.s3.list_buckets()
    return machine


def test_verify_reads_all_that_arrived_whatever_the_clock_says(cloud: AwsClients) -> None:
    pipe = Pipe(cloud)
    pipe.put(order("A"), order("B"))
    pipe.process()
    pipe.put(order("C"))
    for behind in (HOURS, -HOURS):
        machine = off_by(cloud, behind)
        report = verify(replace(pipe.deployment, cloud=machine), span_of(machine, "1h", None))
        counts = report.counts
        assert (counts.streamed, counts.archived, counts.stored, counts.in_flight) == (3, 2, 2, 1)
        assert (report.discrepancies, report.is_empty) == ((), False)
        assert report.span.until and abs(report.span.until - datetime.now(UTC)) < timedelta(minutes=1)


def test_a_clock_that_is_ahead_seals_no_hour_that_is_not_over_and_takes_no_lease_from_its_holder(
    cloud: AwsClients,
) -> None:
    pipe = Pipe(cloud)
    pipe.put(order("A"))
    pipe.process()
    ahead = replace(pipe.deployment, cloud=off_by(cloud, -HOURS))
    done = maintain(ahead, span_of(cloud, None, None), compacting=False, currency="EUR")
    assert done.sealed == []
    with Lease(pipe.deployment, "orders archive seal") as lease:
        with (
            pytest.raises(CloudError, match="the archive is in use"),
            Lease(ahead, "orders archive compact"),
        ):
            pass
        assert lease.is_held


@contextmanager
def service_ahead(endpoint_url: str, by: timedelta) -> Iterator[str]:
    """The same service, whose clock is so far ahead of what it says itself; gives its address."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _pass_on(self) -> None:
            behind = HTTPConnection(urlsplit(endpoint_url).netloc)
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            behind.request(self.command, self.path, body, dict(self.headers))
            answer = behind.getresponse()
            body = answer.read()
            self.send_response_only(answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in ("date", "content-length", "transfer-encoding", "connection"):
                    self.send_header(name, value)
            self.send_header("Date", format_datetime(datetime.now(UTC) + by, usegmt=True))
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
            behind.close()

        do_GET = do_POST = do_PUT = do_DELETE = _pass_on

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_wrong_clock_is_warned_of_and_a_span_is_reckoned_by_the_services(cloud: AwsClients) -> None:
    pipe = Pipe(cloud)
    pipe.deploy()
    pipe.put(order("A"))
    pipe.process()
    environment = pipe.environment()
    # Its records are two hours old by the service's clock.
    with service_ahead(environment["AWS_ENDPOINT_URL"], HOURS) as url:
        orders = OrdersHere(environment | {"AWS_ENDPOINT_URL": url})
        done = orders("stack", "verify", "--since", "3h")
        assert "warning: this machine's clock is 2 h behind the cloud's" in done.stderr
        assert done.stderr.count("warning") == 1
        assert "no discrepancies" in done.stdout
        nothing = orders("stack", "verify", "--since", "1h", status=4)
    assert "no discrepancies" not in nothing.stdout
    assert "there was nothing to check: no record arrived from 20" in nothing.stderr
    assert "warning" not in OrdersHere(environment)("stack", "verify").stderr


def test_a_reading_of_nothing_is_not_called_clean(cloud: AwsClients) -> None:
    pipe = Pipe(cloud)
    pipe.deploy()
    pipe.make_function()
    pipe.put(order("A"))
    pipe.process()
    orders = OrdersHere(pipe.environment())
    span = ["--since", "2020-01-01", "--until", "2020-01-02"]
    for command, said in (
        (["stack", "verify"], "there was nothing to check: no record arrived from "),
        (["archive", "replay"], "there was nothing to replay: the archive has no such record from "),
        (["archive", "audit"], "there was nothing to audit: no object of an hour from "),
    ):
        done = orders(*command, *span, status=4)
        assert f"{said}2020-01-01T00:00:00" in done.stderr
        assert "no discrepancies" not in done.stdout
        # Programs get what was looked at, and the status.
        looked = json.loads(orders(*command, *span, "--json", status=4).stdout)
        if command != ["archive", "replay"]:
            assert looked["since"] == "2020-01-01T00:00:00Z"
        assert orders(*command).returncode == 0


def test_what_verify_looked_at_is_told_and_its_outcomes_add_up(cloud: AwsClients) -> None:
    pipe = Pipe(cloud)
    pipe.deploy()
    pipe.put(order("A"), order("A"), order("A", "2"), "bad")
    pipe.process()
    pipe.put(order("B"))
    orders = OrdersHere(pipe.environment())
    found = json.loads(orders("stack", "verify", "--json").stdout)
    counts = found["counts"]
    outcomes = [
        "stored",
        "duplicates",
        "conflicts",
        "invalid",
        "discarded",
        "erased",
        "in_flight",
        "missing",
    ]
    assert [counts[name] for name in outcomes] == [1, 1, 1, 1, 0, 0, 1, 0]
    assert counts["records"] == 5 == sum(counts[name] for name in outcomes)
    assert (counts["streamed"], counts["archived"], counts["items"], found["objects"]) == (5, 4, 1, 2)
    assert found["since"] is None and found["until"].startswith("20")
    told = orders("stack", "verify").stdout
    assert "looked at what arrived from the beginning to 20" in told
