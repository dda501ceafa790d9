"""schemathesis calls the API by what its OpenAPI says, and holds every answer against it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from orderstream.api.app import make_app
from orderstream.api.dependencies import build_services
from orderstream.api.server import Server
from orderstream.local.cloud import LocalCloud
from orderstream.local.ministack import free_port

pytestmark = pytest.mark.system

# The schema of an order cannot say that items add up to the amount, or how many digits there may be; and in
# a batch each order is answered by itself. So what is valid by it may be refused, and the other way. And what
# was accepted with 202 is there a moment later, not at once as with 201, which only some requests ask for.
NOT_SAID = "positive_data_acceptance,negative_data_rejection,ensure_resource_availability"


def test_every_answer_is_one_that_the_openapi_describes(local: LocalCloud, tmp_path: Path) -> None:
    services = build_services(local.deployment)
    with services.producer, Server(make_app(lambda: services), free_port()) as server:
        command = [str(Path(sys.executable).with_name("schemathesis")), "run", f"{server.url}/openapi.json"]
        command += ["--exclude-checks", NOT_SAID, "--max-examples", "5", "--seed", "1", "--no-color"]
        # On a busy machine, 500 orders at once take their time.
        command += ["--request-timeout", "60"]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=200)
    assert done.returncode == 0, done.stdout
    assert "Tested: 8" in done.stdout
