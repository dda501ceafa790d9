"""Nothing in the data steers a terminal, and what programs read is exact."""

from __future__ import annotations

import io
import json
import logging
import os
import re
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.table import Column
from rich.text import Text

from orderstream.errors import OrderstreamError
from orderstream.output import console, orders
from orderstream.output.terminal import SafeConsole, SafeTable, escaped, printable, write_bytes
from tests.terminals import instead_of, screen

ATTACKS = [
    "\x1b[31mred\x1b[0m",
    "\x1b]0;title\x07",
    "\x1b]8;;https://evil.example\x1b\\link\x1b]8;;\x1b\\",
    "\x9b2J",
    "a\rb",
    "a\b\b\b",
    "\u202ereversed\u202c",
    "\u2066isolated\u2069",
    "zero\u200bwidth",
    "tag\U000e0041",
    "half \ud800 a pair",
    "\x7f\x00",
]
MARKUP = ["[red]a[/red]", "[link=https://evil.example]a[/link]", "[/]", ":bomb:", "[@click=f]a[/]", "a\\[b]"]
TEXTS = st.text() | st.lists(st.sampled_from(ATTACKS + MARKUP) | st.text(max_size=5)).map("".join)


def printed(*things: object, **options: object) -> str:
    file = io.StringIO()
    on = SafeConsole(file=file, **({"width": 40} | options))
    for one in things:
        on.print(one)
    return file.getvalue()


def of_a_terminal(text: str) -> list[str]:
    """The characters that a terminal obeys or hides."""
    return [one for one in text if unicodedata.category(one)[0] == "C" and one != "\n"]


@given(TEXTS)
def test_nothing_that_is_printed_has_a_character_that_a_terminal_obeys(text: str) -> None:
    table = SafeTable(text, Column("id", no_wrap=True), "detail", title=text)
    table.add_row(text, text, Text(text, "red"))
    for shown in (printed(text), printed(Text(text)), printed(table), printed(table, width=1000)):
        assert of_a_terminal(shown) == []


@given(TEXTS)
def test_styles_of_ours_are_the_only_escape_sequences(text: str) -> None:
    shown = printed(Text.assemble(("error:", "red"), text), force_terminal=True, color_system="standard")
    assert shown.startswith("\x1b[31merror:\x1b[0m")
    assert of_a_terminal(shown.removeprefix("\x1b[31merror:\x1b[0m")) == []


@pytest.mark.parametrize("text", MARKUP)
def test_markup_and_names_of_emoji_are_text(text: str) -> None:
    table = SafeTable("text")
    table.add_row(text)
    for shown in (printed(text), printed(table)):
        assert text in shown


@given(st.text(alphabet=st.characters(exclude_categories=("C", "Z"), include_characters=" ")))
def test_what_can_be_printed_is_printed_as_it_is(text: str) -> None:
    assert printable(text) == text and printed(text) == f"{text}\n"


def test_an_error_with_an_id_out_of_a_record_does_not_steer_the_terminal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    console.error(OrderstreamError(f"there is no order {ATTACKS[1]}", hint=f"[red]{ATTACKS[2]}"))
    console.problem(ATTACKS[0])
    console.step(ATTACKS[3] + "\nerror: forged")
    record = logging.makeLogRecord({"msg": "GET %s", "args": (ATTACKS[1],), "levelno": logging.WARNING})
    console.LogHandler().emit(record)
    said = capsys.readouterr().err
    assert of_a_terminal(said) == []
    assert said.endswith("\n  error: forged\nGET �]0;title�\n")
    assert said.startswith("error: there is no order �]0;title�\nhint: [red]�]8;;")


@given(st.text())
def test_json_that_is_printed_is_the_same_json(text: str) -> None:
    document = json.dumps({"id": text}, ensure_ascii=False).encode(errors="surrogatepass")
    if not re.search("[\ud800-\udfff]", text):
        shown = escaped(document)
        assert json.loads(shown) == {"id": text}
        assert of_a_terminal(shown.decode()) == []


RAW = b'\xff\x00{"order_id": "\x1b]0;title\x07 \xc2\x9b2J\xe2\x80\xae"}\r\n'


def test_bytes_go_to_a_file_or_a_pipe_as_they_are(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    with open(writing, "w", encoding="utf-8") as to, instead_of("stdout", to):
        assert write_bytes(RAW)
    with open(reading, "rb") as pipe:
        assert pipe.read() == RAW
    with (tmp_path / "raw").open("w") as to, instead_of("stdout", to):
        orders.print_raw(RAW, exact="it")
    assert (tmp_path / "raw").read_bytes() == RAW


def test_bytes_that_would_steer_a_terminal_are_marked_there_and_it_is_said(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with screen() as shown:
        orders.print_raw(RAW, exact="orders get A --raw > FILE")
        orders.print_raw(b'{"a": 1}', exact="")
        said = shown("1}\r\n")
    assert said == '��{"order_id": "�]0;title� �2J�"}\n{"a": 1}\n'
    (warning,) = capsys.readouterr().err.splitlines()
    assert "orders get A --raw > FILE has the exact bytes" in warning


def test_nothing_is_printed_but_through_the_safe_console() -> None:
    markup = re.compile(r"\[/?(red|green|yellow|cyan|bold|dim)\]|TextColumn\((?!.*markup=False)")
    for file in Path(console.__file__).parents[1].rglob("*.py"):
        text = file.read_text()
        if file.name != "terminal.py":
            assert "from rich.console import Console\n" not in text, file
            assert "from rich.table import Table" not in text and "rich.markup" not in text, file
        if file.parent.name in ("output", "cli"):
            assert not markup.search(text), f"{file}: styles are Text"
