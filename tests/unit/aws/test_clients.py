"""A cloud's clients are made one after the other, for the configured region and with the given timeouts."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from botocore.config import Config

from orderstream.aws.clients import AwsClients, region_of
from orderstream.errors import CloudError


class Session:
    """Waits in `create_client` for a second one to come in, and notes whether one did."""

    def __init__(self) -> None:
        self.together = False
        self._both = threading.Barrier(2)

    def create_client(self, service: str, **_: Any) -> str:
        try:
            self._both.wait(0.2)
            self.together = True
        except threading.BrokenBarrierError:
            pass
        return service


def test_two_threads_never_make_clients_at_once() -> None:
    cloud, session = AwsClients(), Session()
    # What a session of botocore would be, made on first use.
    cloud.__dict__["_session"] = session
    with ThreadPoolExecutor(2) as threads:
        made = [threads.submit(lambda: str(cloud.s3)), threads.submit(lambda: str(cloud.dynamodb))]
    assert [one.result() for one in made] == ["s3", "dynamodb"]
    assert not session.together


def test_aws_region_goes_before_aws_default_region_and_both_before_the_profile(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    config = tmp_path / "config"
    config.write_text("[default]\nregion = eu-north-1\n[profile shop]\nregion = eu-south-1\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    monkeypatch.setenv("AWS_REGION", "eu-west-2")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-3")
    assert region_of(AwsClients()) == "eu-west-2"
    assert region_of(AwsClients(profile="shop")) == "eu-west-2"
    assert region_of(AwsClients(region="eu-west-1")) == "eu-west-1"
    assert AwsClients().kinesis_no_retry.meta.region_name == "eu-west-2"
    monkeypatch.delenv("AWS_REGION")
    assert region_of(AwsClients()) == "eu-west-3"
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    assert region_of(AwsClients()) == "eu-north-1"
    assert region_of(AwsClients(profile="shop")) == "eu-south-1"
    monkeypatch.setenv("AWS_PROFILE", "shop")
    assert region_of(AwsClients()) == "eu-south-1"
    monkeypatch.delenv("AWS_PROFILE")
    config.write_text("")
    with pytest.raises(CloudError, match="no region is configured") as refused:
        region_of(AwsClients())
    assert "--region" in refused.value.hint


def test_a_cloud_with_timeouts_has_them_in_every_client_and_all_else_as_ever() -> None:
    plain = AwsClients(region="eu-west-1", access_key="a", secret_key="b")
    hasty = replace(plain, timeouts=Config(connect_timeout=1, read_timeout=3))
    for name in ("s3", "dynamodb", "kinesis_no_retry", "lambda_", "cloudwatch"):
        before, after = (getattr(one, name).meta.config for one in (plain, hasty))
        assert (after.connect_timeout, after.read_timeout) == (1, 3)
        assert before.read_timeout >= 30
        assert after.retries == before.retries and after.max_pool_connections == before.max_pool_connections
