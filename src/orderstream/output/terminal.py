"""What keeps a terminal safe and its text whole: text as text, tables that cut nothing, exact bytes."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.measure import Measurement
from rich.segment import Segment
from rich.table import Table as RichTable
from rich.text import Text

# No line is longer.
_UNBOUNDED = 1_000_000
# A column that may break words is not made narrower.
_NARROWEST = 12
# In a table that is too wide anyway, text gets so much.
_LEGIBLE = 60
REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


def printable(text: str) -> str:
    """`text` without what a terminal would obey or hide: a mark for each such character.

    Those are control characters (and so every escape sequence), directions of writing, other invisible
    characters, and what is no character at all. Line ends stay, and tabs become spaces.
    """
    if text.isprintable():
        return text
    lines = text.replace("\r\n", "\n").expandtabs()
    return "".join(one if one.isprintable() or one == "\n" else REPLACEMENT for one in lines)


def escaped(document: bytes) -> bytes:
    """The same JSON (of one line), with escapes in place of the characters that `printable` replaces."""
    text = document.decode()
    if text.isprintable():
        return document
    return "".join(one if one.isprintable() else json.dumps(one)[1:-1] for one in text).encode()


def write_bytes(data: bytes) -> bool:
    """Write bytes to standard output: as they are or, to a terminal, what is `printable` of them as text.

    Returns whether they went out as they are.
    """
    shown = data
    if sys.stdout.isatty():
        shown = printable(data.decode(errors="replace")).encode()
    sys.stdout.flush()
    sys.stdout.buffer.write(shown)
    sys.stdout.buffer.flush()
    return shown == data


class SafeConsole(Console):
    """A console on which text is only text: no markup, no emoji codes, nothing but what is `printable`.

    Styles are given as `Text`. A line that is longer than the terminal is left to the terminal to wrap.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(markup=False, emoji=False, highlight=False, soft_wrap=True, **options)

    def render_str(self, text: str, **options: Any) -> Text:
        """As it will be printed, so that it is measured as that, too."""
        return super().render_str(printable(text), **options)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Everything that is printed comes through here; control segments are rich's own."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else segment._replace(text=printable(segment.text))


class SafeTable(RichTable):
    """A table that cuts nothing: words stay whole, and a column with `no_wrap` has whole lines.

    Other columns wrap between words; only one with `overflow="fold"` breaks them, for texts of any length.
    What still does not fit is wider than the console, and then has no frame.
    """

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
            # Padding would be wrapped to empty lines.
            while line and not line[-1].text.strip():
                line.pop()
            if line:
                line[-1] = line[-1]._replace(text=line[-1].text.rstrip())
            yield from line
            yield Segment.line()

    def _share(self, room: int, widest: list[int]) -> None:
        """Make columns wider that want it. Who wants least is served first, the others share what is left."""
        wants = sorted(
            zip(self.columns, widest, strict=True), key=lambda want: want[1] - (want[0].width or 0)
        )
        for left, (column, wanted) in zip(range(len(wants), 0, -1), wants, strict=True):
            width = column.width or 0
            column.width = min(wanted, width + room // left)
            room -= column.width - width
