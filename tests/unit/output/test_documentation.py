"""The guides can be read where nothing but the package is installed."""

from __future__ import annotations

from pathlib import Path

import pytest
from reference import PROJECT

from orderstream.errors import NotFoundError
from orderstream.output import documentation
from orderstream.output.documentation import print_guide, print_topics, topics
from tests.terminals import screen

DOCS = PROJECT / "docs"


def test_every_guide_and_the_tutorial_is_a_topic_of_the_same_text() -> None:
    pages = {page.stem: page for page in (DOCS / "how-to").glob("*.md") if page.stem != "index"}
    pages["tutorial"] = DOCS / "tutorial" / "index.md"
    assert topics() == sorted(pages)
    for name, page in pages.items():
        assert (
            Path(documentation.__file__).with_name("guides") / f"{name}.md"
        ).read_text() == page.read_text()


def test_the_list_has_every_topic_and_its_title(capsys: pytest.CaptureFixture[str]) -> None:
    print_topics()
    said = capsys.readouterr().out
    assert all(name in said for name in topics())
    assert "Redrive dead letters" in said


def test_a_guide_is_markdown_in_a_pipe(capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    print_guide("redrive")
    assert capsysbinary.readouterr().out == (DOCS / "how-to" / "redrive.md").read_bytes()


def test_a_guide_is_formatted_at_a_terminal_and_its_links_are_commands_or_addresses() -> None:
    with screen() as shown:
        print_guide("send-over-http")
        said = shown("because of their rate")
    assert "](" not in said and "```" not in said
    assert "orders docs runbook" in said and "orders docs http-api" not in said


@pytest.mark.parametrize(
    ("name", "near"),
    [("redriv", "redrive"), ("archive", "query-the-archive"), ("../index", "orders docs lists all")],
)
def test_a_topic_that_does_not_exist_is_answered_with_similar_ones(name: str, near: str) -> None:
    with pytest.raises(NotFoundError) as caught:
        print_guide(name)
    assert near in caught.value.hint
