"""Safe terminal output: text without control characters, tables without truncation, exact bytes."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.measure import Measurement
from rich.segment import Segment
from rich.table import Column
from rich.table import Table as RichTable
from rich.text import Text

# Longer than any line.
_UNBOUNDED = 1_000_000
# The minimum width of a column that may break words.
_NARROWEST = 12
# The width of text in a table that is too wide anyway.
_LEGIBLE = 60
REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


def printable(text: str) -> str:
    """`text` with a replacement for each character that a terminal would interpret or hide.

    Those are control characters (and so every escape sequence), bidirectional controls, other invisible
    characters, and code points that are not characters. Line ends stay, and tabs become spaces.
    """
    if text.isprintable():
        return text
    lines = text.replace("\r\n", "\n").expandtabs()
    return "".join(one if one.isprintable() or one == "\n" else REPLACEMENT for one in lines)


def escaped(document: bytes) -> bytes:
    """The same one-line JSON, with escapes for the characters that `printable` replaces."""
    text = document.decode()
    if text.isprintable():
        return document
    return "".join(one if one.isprintable() else json.dumps(one)[1:-1] for one in text).encode()


def write_bytes(data: bytes) -> bool:
    """Write bytes to standard output: unchanged or, to a terminal, as `printable` text and a final newline.

    Returns whether they were written unchanged, apart from that newline.
    """
    shown, end = data, b""
    if sys.stdout.isatty():
        shown = printable(data.decode(errors="replace")).encode()
        end = b"" if data.endswith(b"\n") else b"\n"
    sys.stdout.flush()
    sys.stdout.buffer.write(shown + end)
    sys.stdout.buffer.flush()
    return shown == data


class SafeConsole(Console):
    """A console that prints plain text only: no markup, no emoji codes, only `printable` characters.

    Styles are given as `Text`. The terminal wraps lines that are longer than it is wide.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(markup=False, emoji=False, highlight=False, soft_wrap=True, **options)

    def render_str(self, text: str, **options: Any) -> Text:
        """Render text as it will be printed, so that it is measured correctly."""
        return super().render_str(printable(text), **options)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Sanitize all output, which passes through here; control segments are rich's own."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else segment._replace(text=printable(segment.text))


class SafeTable(RichTable):
    """A table without truncation: words stay whole, and columns with `no_wrap` keep whole lines.

    Other columns wrap between words; only those with `overflow="fold"` break them, for text of any length. A
    table that still does not fit is wider than the console, and has no frame.
    """

    @classmethod
    def of_numbers(cls, first: str | Column, *numbers: str, **options: Any) -> SafeTable:
        """A table whose columns after the first are numbers, aligned to the right."""
        return cls(first, *(Column(name, justify="right") for name in numbers), **options)

    def add_numbers(self, name: str, *numbers: int) -> None:
        """Add a row of whole numbers."""
        self.add_row(name, *(f"{number:,}" for number in numbers))

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        unbounded = options.update(max_width=_UNBOUNDED)
        widest: list[int] = []
        for column in self.columns:
            sizes = [Measurement.get(console, unbounded, one) for one in (column.header, *column.cells)]
            widest.append(max(one.maximum for one in sizes))
            least = widest[-1] if column.no_wrap else max(one.minimum for one in sizes)
            column.width = min(least, _NARROWEST) if column.overflow == "fold" else least
        rendered = super().__rich_console__
        room = options.max_width - self.__rich_measure__(console, unbounded).minimum
        if room >= 0:
            self._share(room, widest)
            yield from rendered(console, options)
            return
        for column, wanted in zip(self.columns, widest, strict=True):
            column.width = max(column.width or 0, min(wanted, _LEGIBLE))
        self.box = None
        lines = rendered(console, unbounded)
        for line in Segment.split_lines(one for one in lines if isinstance(one, Segment)):
            # Padding would wrap into empty lines.
            while line and not line[-1].text.strip():
                line.pop()
            if line:
                line[-1] = line[-1]._replace(text=line[-1].text.rstrip())
            yield from line
            yield Segment.line()

    def _share(self, room: int, widest: list[int]) -> None:
        """Widen columns that need it: the smallest need first; the others share the rest."""
        wants = sorted(
            zip(self.columns, widest, strict=True), key=lambda want: want[1] - (want[0].width or 0)
        )
        for left, (column, wanted) in zip(range(len(wants), 0, -1), wants, strict=True):
            width = column.width or 0
            column.width = min(wanted, width + room // left)
            room -= column.width - width
