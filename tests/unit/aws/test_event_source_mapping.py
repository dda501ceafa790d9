"""A mapping is switched off when it can be: a change of it that is under way is waited for."""

from __future__ import annotations

from typing import Any, cast

import pytest
from botocore.exceptions import ClientError

from orderstream.aws.clients import AwsClients
from orderstream.aws.event_source_mapping import disable
from orderstream.testing.fakes import client_error
from tests.fakes import Clock


class FakeLambda:
    """One mapping in `state`, which is Enabled when it was looked at `looks` times in a change."""

    def __init__(self, state: str, *, looks: int = 0, refusal: str = "ResourceInUseException") -> None:
        self.state = state
        self._looks = looks
        self._refusal = refusal
        self.asked = 0

    def get_event_source_mapping(self, **_: Any) -> dict[str, str]:
        if self.state == "Disabling":
            self.state = "Disabled"
        elif self.state in ("Creating", "Updating"):
            self._looks -= 1
            if self._looks < 0:
                self.state = "Enabled"
        return {"State": self.state}

    def update_event_source_mapping(self, UUID: str, Enabled: bool) -> dict[str, str]:
        assert (UUID, Enabled) == ("uuid", False)
        self.asked += 1
        if self.state in ("Creating", "Updating", "Lost"):
            raise client_error(self._refusal)
        self.state = "Disabling"
        return {"State": self.state}


def switched_off(fake: FakeLambda, clock: Clock | None = None) -> str:
    cloud = type("ACloud", (), {"lambda_": fake})()
    time = clock or Clock()
    return disable(cast(AwsClients, cloud), "uuid", patience=60, pause=2, clock=time, sleep=time.sleep)


def test_an_enabled_mapping_is_asked_once_and_waited_for() -> None:
    fake = FakeLambda("Enabled")
    assert (switched_off(fake), fake.asked) == ("Disabled", 1)


@pytest.mark.parametrize("state", ["Disabled", "Disabling"])
def test_one_that_is_off_or_stops_already_is_not_asked(state: str) -> None:
    fake = FakeLambda(state)
    assert (switched_off(fake), fake.asked) == ("Disabled", 0)


@pytest.mark.parametrize(
    ("state", "refusal"), [("Creating", "ResourceInUseException"), ("Updating", "ResourceConflictException")]
)
def test_one_that_is_changing_is_asked_again_until_it_has_changed(state: str, refusal: str) -> None:
    fake = FakeLambda(state, looks=3, refusal=refusal)
    assert (switched_off(fake), fake.asked) == ("Disabled", 4)


def test_it_is_waited_for_no_longer_than_told() -> None:
    clock = Clock()
    assert switched_off(FakeLambda("Updating", looks=1_000), clock) == "Updating"
    assert clock.now == 60


def test_any_other_refusal_comes_through() -> None:
    with pytest.raises(ClientError, match="AccessDeniedException"):
        switched_off(FakeLambda("Lost", refusal="AccessDeniedException"))
