"""Replaces functions of MiniStack by ones that call the original."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

F = TypeVar("F", bound=Callable[..., Any])


class Patches:
    """Replacements that are applied together, in the process that runs MiniStack."""

    def __init__(self) -> None:
        self._all: list[tuple[str, tuple[Any, ...], Callable[..., Any]]] = []
        self._needed: list[tuple[Any, str]] = []

    def replace(self, name: str, *modules: Any) -> Callable[[F], F]:
        """Decorate the replacement of a function, in each module that has it. It gets the original first."""

        def register(function: F) -> F:
            self._all.append((name, modules, function))
            return function

        return register

    def need(self, module: Any, *names: str) -> None:
        """Note what the replacements use of a module."""
        self._needed += [(module, name) for name in names]

    def apply(self) -> None:
        """Apply them. Exits if this release of MiniStack lacks anything that they need."""
        for module, name in self._needed:
            require_attr(module, name)
        for name, modules, function in self._all:
            originals = [require_attr(module, name) for module in modules]
            for module in modules:
                setattr(module, name, partial(function, originals[0]))


def require_attr(module: Any, name: str) -> Any:
    """Return the attribute `name` of a MiniStack module; exit if this release does not have it."""
    if not hasattr(module, name):
        raise SystemExit(f"this release of MiniStack has no {module.__name__}.{name}")
    return getattr(module, name)
