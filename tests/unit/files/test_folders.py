"""The user's folders are those of the XDG specification."""

from pathlib import Path

import pytest

from orderstream.files.folders import cache_home, state_home


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    for variable in ("XDG_STATE_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(variable, raising=False)
    return tmp_path


def test_the_folders_are_below_the_home_folder(home: Path) -> None:
    assert state_home() == home / ".local" / "state" / "orderstream"
    assert cache_home() == home / ".cache" / "orderstream"


def test_the_environment_names_other_folders(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", "/state")
    monkeypatch.setenv("XDG_CACHE_HOME", "/cache")
    assert (state_home(), cache_home()) == (Path("/state/orderstream"), Path("/cache/orderstream"))
