"""The layers of the package: which they are, and a diagram of what imports what, from the sources."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

from orderstream.deploy.artifact import SOURCES
from orderstream.project.imports import imports_of

PACKAGE = SOURCES / "orderstream"
MODULES = sorted(PACKAGE.rglob("*.py"))
# From the bottom up. A package imports from itself and from the packages before it.
LAYERS = {
    "core": ("errors", "progress", "files", "domain", "project", "sdk"),
    "product": ("capacity", "pipeline", "canary", "pending", "client", "feed", "totals"),
    "access": ("aws", "storage"),
    "operations": (
        "recovery",
        "lookup",
        "monitoring",
        "ingest",
        "webhooks",
        "archive",
        "migration",
        "deploy",
    ),
    "faces": ("api", "acceptance", "local", "testing", "output", "doctor", "dashboard", "cli", "__main__"),
}
PACKAGES = tuple(name for names in LAYERS.values() for name in names)


def package_of(module: Path) -> str:
    """The package, or the top-level module, that a source file belongs to."""
    return module.relative_to(PACKAGE).parts[0].removesuffix(".py")


@cache
def imported_modules(file: Path) -> frozenset[str]:
    """The modules that a source file imports, but for those that only type checkers import."""
    return frozenset(base for base, _ in imports_of(file))


def imported_packages() -> dict[str, set[str]]:
    """The other packages that each package imports."""
    found: dict[str, set[str]] = {name: set() for name in PACKAGES}
    for module in MODULES:
        if (name := package_of(module)) in found:
            ours = [base for base in imported_modules(module) if base.startswith("orderstream.")]
            found[name] |= {base.split(".")[1] for base in ours} - {name}
    return found


def diagram() -> str:
    """A Mermaid flowchart. An import that follows from others is left out, and so is `errors`."""
    imported = imported_packages()
    below = {name: _reached(name, imported) for name in PACKAGES}
    lines = ["```mermaid", "flowchart TD"]
    for layer, names in reversed(LAYERS.items()):
        lines += [f"  subgraph {layer}", *(f"    {name}" for name in names if name != "errors"), "  end"]
    for name in reversed(PACKAGES):
        indirect = {far for near in imported[name] for far in below[near]}
        lines += [f"  {name} --> {one}" for one in sorted(imported[name] - indirect - {"errors"})]
    return "\n".join([*lines, "```"])


def table() -> str:
    """A table of the packages, from the top down, with the first line of each."""
    lines = ["| Layer | Package | Contents |", "| --- | --- | --- |"]
    for layer, names in reversed(LAYERS.items()):
        lines += [f"| {layer} | `{name}` | {_summary(name)} |" for name in reversed(names)]
    return "\n".join(lines)


def _reached(name: str, imported: dict[str, set[str]]) -> set[str]:
    return imported[name] | {far for near in imported[name] for far in _reached(near, imported)}


def _summary(name: str) -> str:
    file = PACKAGE / name / "__init__.py"
    source = file if file.exists() else PACKAGE / f"{name}.py"
    return (ast.get_docstring(ast.parse(source.read_text())) or "").partition("\n")[0]
