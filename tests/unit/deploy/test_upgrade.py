"""An upgrade says what changes, and refuses what needs a step in between."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from packaging.version import Version

from orderstream import __version__
from orderstream.aws.stack import StackDescription
from orderstream.deploy.rendering import VERSION_OUTPUT
from orderstream.deploy.upgrade import Release, own_releases, releases, upgrade_notes
from orderstream.errors import DeploymentError

OWN = Version(__version__)
EARLIER = "0.0.1"


def deployed_by(version: str) -> StackDescription:
    return StackDescription("arn:aws:x", "UPDATE_COMPLETE", outputs={VERSION_OUTPUT: version})


def release(version: str, *, upgrade_from: str | None = None) -> Release:
    return Release(Version(version), f"About {version}.", Version(upgrade_from) if upgrade_from else None)


def test_the_changelog_of_this_package_is_about_this_version() -> None:
    assert own_releases()[0].version == OWN
    assert own_releases()[0].text


def test_a_changelog_is_read_by_version() -> None:
    new_text = "## 0.3.0, not yet released\n\nUpgrade from 0.2.0 or later.\n\nNew.\n"
    text = f"# Changelog\n\n{new_text}\n## 0.2.0\n\nOld.\n"
    new, old = releases(text)
    assert (new.version, new.upgrade_from) == (Version("0.3.0"), Version("0.2.0"))
    assert new.text.endswith("New.") and (old.text, old.upgrade_from) == ("Old.", None)


def test_the_releases_since_the_deployed_one_are_told_the_earliest_first() -> None:
    known = [release("99.0.0"), release(__version__), release("0.0.2"), release(EARLIER)]
    deployed, since = upgrade_notes("s", deployed_by(EARLIER), known)
    assert deployed == EARLIER
    assert [one.version for one in since] == [Version("0.0.2"), OWN]


def test_nothing_is_told_of_a_new_stack_or_of_one_of_this_version() -> None:
    assert upgrade_notes("s", None) == ("", [])
    assert upgrade_notes("s", StackDescription("arn:aws:x", "CREATE_COMPLETE")) == ("", [])
    assert upgrade_notes("s", deployed_by(__version__)) == (__version__, [])


def test_a_step_in_between_is_named() -> None:
    known = [release(__version__, upgrade_from="0.0.2"), release("0.0.2")]
    with pytest.raises(DeploymentError, match="cannot be upgraded") as told:
        upgrade_notes("s", deployed_by(EARLIER), known)
    assert 'pip install "orderstream[standard]==0.0.2"' in told.value.hint
    assert upgrade_notes("s", deployed_by("0.0.2"), known)[1] == known[:1]


def test_a_later_version_is_not_overwritten_by_an_earlier_one() -> None:
    with pytest.raises(DeploymentError, match=re.escape("was deployed by Orderstream 99.0.0")):
        upgrade_notes("s", deployed_by("99.0.0"))


def test_the_package_has_the_changelog_of_the_checkout() -> None:
    from reference import PROJECT

    from orderstream.deploy import upgrade

    packaged = Path(upgrade.__file__).with_name("CHANGELOG.md")
    assert packaged.read_text() == (PROJECT / "CHANGELOG.md").read_text()
