"""The progress that long operations report, whoever displays it."""

from typing import Protocol


class Progress(Protocol):
    """Receives how far an operation has come."""

    def __call__(self, what: str, done: int | None = None, of: int | None = None, /) -> None:
        """Report `done` of `what`, with the total if known; without a number, what is being done."""


def no_progress(what: str, done: int | None = None, of: int | None = None, /) -> None:
    """A Progress that nobody sees."""
