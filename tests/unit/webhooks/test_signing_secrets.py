"""Which secrets sign: the current one, and for a day the one before it; read once in five minutes."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from orderstream.errors import CloudError
from orderstream.testing.fakes import client_error
from orderstream.webhooks.registry import Webhook
from orderstream.webhooks.signing_secrets import KEEP_SECONDS, SigningSecrets

DAY = 24 * 3600.0


class FakeSecrets:
    """Secrets Manager: values by name and stage."""

    def __init__(self, **stages: str) -> None:
        self.stages = stages
        self.reads: list[str] = []

    def get_secret_value(self, SecretId: str, VersionStage: str) -> dict[str, Any]:
        assert SecretId == "orderstream/shop/webhooks/a"
        self.reads.append(VersionStage)
        if VersionStage not in self.stages:
            raise client_error("ResourceNotFoundException")
        return {"SecretString": self.stages[VersionStage]}


WEBHOOK = Webhook("a", "https://a.example/", "2026-11-30")


def test_a_secret_is_read_once_and_again_after_five_minutes() -> None:
    now = [0.0]
    manager = FakeSecrets(AWSCURRENT="one")
    secrets = SigningSecrets(manager, "shop", clock=lambda: now[0])
    assert secrets(WEBHOOK) == secrets(WEBHOOK) == ["one"]
    manager.stages["AWSCURRENT"] = "two"
    now[0] = KEEP_SECONDS
    assert secrets(WEBHOOK) == ["two"]
    assert manager.reads == ["AWSCURRENT"] * 2


def test_after_a_rotation_both_sign_at_once_and_the_old_one_no_longer_after_a_day() -> None:
    now = [0.0]
    manager = FakeSecrets(AWSCURRENT="one")
    secrets = SigningSecrets(manager, "shop", clock=lambda: now[0])
    secrets(WEBHOOK)
    manager.stages = {"AWSCURRENT": "two", "AWSPREVIOUS": "one"}
    rotated = msgspec.structs.replace(WEBHOOK, old_secret_until=DAY)
    assert secrets(rotated) == ["two", "one"]
    now[0] = DAY - 1
    assert secrets(rotated) == ["two", "one"]
    now[0] = DAY
    assert secrets(rotated) == ["two"]


def test_a_rotation_that_did_not_come_to_its_end_signs_with_what_there_is() -> None:
    manager = FakeSecrets(AWSCURRENT="one")
    rotated = msgspec.structs.replace(WEBHOOK, old_secret_until=DAY)
    assert SigningSecrets(manager, "shop", clock=lambda: 0.0)(rotated) == ["one"]


def test_a_secret_that_is_gone_is_an_error() -> None:
    with pytest.raises(CloudError, match="secret orderstream/shop/webhooks/a"):
        SigningSecrets(FakeSecrets(), "shop", clock=lambda: 0.0)(WEBHOOK)
