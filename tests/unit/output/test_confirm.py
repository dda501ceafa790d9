"""An irreversible step asks for confirmation at a terminal, and is refused where there is none."""

from __future__ import annotations

import io

import pytest

from orderstream.errors import NotConfirmedError
from orderstream.output import console
from tests.terminals import instead_of, typed


@pytest.mark.parametrize("text", ["y\n", "", "orderstream\n"])
def test_without_a_terminal_everything_is_refused_by_one_line_and_a_hint(text: str) -> None:
    with (
        instead_of("stdin", io.StringIO(text)),
        pytest.raises(NotConfirmedError, match="not a terminal") as refused,
    ):
        console.confirm("Erase?", doing="erasing customer C")
    assert refused.value.message.startswith("erasing customer C") and "--yes" in refused.value.hint
    with instead_of("stdin", io.StringIO(text)), pytest.raises(NotConfirmedError, match="not a terminal"):
        console.confirm("It goes.", doing="removing stack orderstream", name="orderstream")


@pytest.mark.parametrize("text", ["n\n", "\n", "nonsense\n", "yess\n"])
def test_whatever_is_not_yes_is_no(text: str) -> None:
    with (
        typed(text) as terminal,
        instead_of("stdin", terminal),
        pytest.raises(NotConfirmedError, match="nothing was changed"),
    ):
        console.confirm("Erase?", doing="erasing")


@pytest.mark.parametrize("text", ["y\n", "YES\n"])
def test_yes_is_yes(text: str) -> None:
    with typed(text) as terminal, instead_of("stdin", terminal):
        console.confirm("Erase?", doing="erasing")


def test_where_nobody_can_be_asked_what_can_be_undone_is_done_and_that_is_said(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with instead_of("stdin", io.StringIO("n\n")):
        console.confirm("Deploy?", doing="deploying", only_at_terminal=True)
    assert "going on without asking" in capsys.readouterr().err
    with typed("n\n") as terminal, instead_of("stdin", terminal):
        with pytest.raises(NotConfirmedError, match="deploying was not confirmed"):
            console.confirm("Deploy?", doing="deploying", only_at_terminal=True)


def test_a_name_has_to_be_typed_as_it_is() -> None:
    with typed("orderstream\n") as terminal, instead_of("stdin", terminal):
        console.confirm("It goes.", doing="removing", name="orderstream")
    with typed("orders\n") as terminal, instead_of("stdin", terminal):
        with pytest.raises(NotConfirmedError, match="orderstream was not typed"):
            console.confirm("It goes.", doing="removing", name="orderstream")
