"""The reference of the commands, from the command line itself: help, options, an example, guides."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from reference.command_lines import ROOT, guides
from reference.markdown import code, table

EXAMPLE = "Example: "
MOST_LINKS = 6


def commands() -> str:
    """A section for each command and each group, in the order of `orders --help`."""
    return "\n\n".join(_section(path, command) for path, command in walk(ROOT))


def walk(group: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every visible command and group below a group, with its path: ("archive", "seal")."""
    for name, command in group.commands.items():
        if not command.hidden:
            yield (*path, name), command
            if hasattr(command, "commands"):
                yield from walk(command, (*path, name))


def _section(path: tuple[str, ...], command: Any) -> str:
    name = " ".join(("orders", *path))
    parts = [f"{'#' * (len(path) + 1)} {name}", _paragraphs(command.help or "")]
    if hasattr(command, "commands"):
        return "\n\n".join(parts)
    context = command.context_class(command, info_name=name)
    pieces = [piece for piece in command.collect_usage_pieces(context) if piece]
    parts.append(f"```text\n{' '.join((name, *pieces))}\n```")
    rows = [_row(parameter, context) for parameter in command.params if not parameter.hidden]
    if rows:
        parts.append(table(("Argument or option", "Type", "Default", "Meaning"), rows))
    if command.epilog:
        parts.append(f"Example:\n\n```sh\n{command.epilog.removeprefix(EXAMPLE)}\n```")
    if pages := guides(path):
        links = [f"[{title}](../{page})" for page, title in pages]
        many = f"[{len(pages)} guides](../how-to/index.md)"
        parts.append(f"Used in {', '.join(links) if len(pages) <= MOST_LINKS else many}.")
    return "\n\n".join(parts)


def _paragraphs(text: str) -> str:
    """The text with each paragraph in one line."""
    return "\n\n".join(" ".join(part.split()) for part in text.split("\n\n"))


def _row(parameter: Any, context: Any) -> tuple[str, str, str, str]:
    is_option = hasattr(parameter, "is_flag")
    names = parameter.opts if is_option else [parameter.metavar or parameter.name.upper()]
    meaning = parameter.help or ""
    if parameter.envvar:
        meaning += f" Environment variable: {code(parameter.envvar)}."
    return (
        ", ".join(map(code, [*names, *parameter.secondary_opts])),
        "flag" if is_option and parameter.is_flag else _kind(parameter, context),
        _default(parameter),
        meaning,
    )


def _kind(parameter: Any, context: Any) -> str:
    kind = parameter.metavar if hasattr(parameter, "is_flag") and parameter.metavar else None
    kind = kind or parameter.display_type(context).strip("<>").removesuffix(" range")
    least, most = parameter.min, parameter.max
    if least is not None and most is not None:
        return f"{code(kind)}, {least:,} to {most:,}"
    if least is not None:
        return f"{code(kind)}, {least:,} or more"
    return code(kind) + (f", at most {most:,}" if most is not None else "")


def _default(parameter: Any) -> str:
    if parameter.required:
        return "required"
    if isinstance(parameter.show_default, str):
        return parameter.show_default
    if getattr(parameter, "is_flag", False):
        return code(parameter.opts[0]) if parameter.default else ""
    return "" if parameter.default is None else code(parameter.default)
