"""A group of commands whose modules are imported when they are called: its help needs none of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any, Literal

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_group

# The first lines of the commands' help by name, in sections with a title.
Sections = Mapping[str, Mapping[str, str]]

# Usage errors are in colour.
_ERRORS: Literal["markdown"] = "markdown"


def lazy_group(package: str, sections: Sections, **settings: Any) -> typer.Typer:
    """The group of the commands in `sections`, each of which is the `app` of a module of `package`."""

    class Group(_LazyGroup):
        def __init__(self, **attributes: Any) -> None:
            super().__init__(**attributes)
            self.sections = sections
            self.commands: Any = _Commands(package, [name for lines in sections.values() for name in lines])

    return typer.Typer(
        cls=Group,
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        add_completion=False,
        rich_markup_mode=_ERRORS,
        context_settings={"help_option_names": ["-h", "--help"]},
        **settings,
    )


def _plain_help(command: Any, ctx: Any, formatter: Any) -> None:
    # Importing Rich takes longer than everything else that a help screen needs.
    command.format_usage(ctx, formatter)
    command.format_help_text(ctx, formatter)
    command.format_options(ctx, formatter)
    command.format_epilog(ctx, formatter)


class _LazyGroup(TyperGroup):
    sections: Sections

    format_help = _plain_help

    def list_commands(self, ctx: Any) -> list[str]:
        return list(self.commands)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        widest = max(map(len, self.commands))
        for title, lines in self.sections.items():
            with formatter.section(title):
                formatter.write_dl([(f"{name:<{widest}}", line) for name, line in lines.items()])


class _Commands(Mapping[str, Any]):
    """Commands by name, each imported when it is first taken."""

    def __init__(self, package: str, names: list[str]) -> None:
        self._package = package
        self._commands: dict[str, Any] = dict.fromkeys(names)

    def __getitem__(self, name: str) -> Any:
        if self._commands[name] is None:
            self._commands[name] = _load(f"{self._package}.{name.replace('-', '_')}", name)
        return self._commands[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._commands)

    def __len__(self) -> int:
        return len(self._commands)


class _Command(TyperCommand):
    format_help = _plain_help

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        # Not wrapped, because it is an example to copy.
        formatter.write(f"\n  {self.epilog}\n")


def _load(module: str, name: str) -> Any:
    app, around = import_module(module).app, typer.Typer(rich_markup_mode=_ERRORS)
    for command in app.registered_commands:
        command.cls = _Command
    around.add_typer(app)
    return get_group(around).commands[name]
