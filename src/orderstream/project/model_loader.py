"""Loads a project's order model, and says in which line of which file a mistake is."""

from __future__ import annotations

import inspect
import re
import sys
import traceback
from pathlib import Path
from types import ModuleType
from typing import Any

from orderstream.domain.model_check import ModelFault, faults_of
from orderstream.domain.order import Order
from orderstream.domain.user_model import imported
from orderstream.errors import InputError

_HINT = "docs/how-to/change-the-order.md shows what a model can have"


def load_model(name: str, root: Path) -> type[Order]:
    """The class of orders MODULE:CLASS in the folder `root`, checked.

    Raises InputError, with file and line, for a mistake in it.
    """
    module, _, attribute = name.partition(":")
    if not (module and attribute):
        raise InputError(f"the model {name!r} is not MODULE:CLASS", hint='for example: model = "order:Order"')
    _forget(module, root)
    sys.path.insert(0, str(root))
    try:
        found = imported(name)
    except Exception as error:
        raise _located(error, name, root) from error
    for fault in faults_of(found):
        raise InputError(f"{_place(found, fault, root)}: {_said(fault)}", hint=_HINT)
    return found


def _forget(module: str, root: Path) -> None:
    """Forget a module of that name from elsewhere, which would be taken for the one in `root`."""
    loaded = sys.modules.get(module)
    if loaded is not None and not _is_in(root, loaded):
        del sys.modules[module]


def _is_in(root: Path, module: ModuleType) -> bool:
    return _is_ours(Path(module.__file__ or ""), root)


def _is_ours(file: Path, root: Path) -> bool:
    """Whether a file is the project's, and not that of a library in an environment within its folder."""
    return file.is_relative_to(root) and "site-packages" not in file.parts


def _located(error: Exception, name: str, root: Path) -> InputError:
    """The error of an import, with the last place in the project that it came from."""
    said = f"{type(error).__name__}: {error}"
    if isinstance(error, SyntaxError) and error.filename:
        return InputError(f"{_relative(Path(error.filename), root)}:{error.lineno}: {error.msg}")
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if _is_ours(Path(frame.filename), root)]
    if ours:
        return InputError(f"{_relative(Path(ours[-1].filename), root)}:{ours[-1].lineno}: {said}", hint=_HINT)
    return InputError(
        f"the model {name} cannot be imported from {root}: {said}",
        hint="is `model` in orderstream.toml right?",
    )


def _place(model: Any, fault: ModelFault, root: Path) -> str:
    """The file and line of what a fault is about; the name of the model if that is not in the project."""
    name = re.escape(fault.name.partition(".")[0])
    places = []
    for owner in inspect.getmro(model) if isinstance(model, type) else ():
        file = Path(getattr(sys.modules.get(owner.__module__), "__file__", None) or "")
        if _is_ours(file, root):
            lines, first = inspect.getsourcelines(owner)
            declared = (
                number for number, line in enumerate(lines, first) if re.match(rf"\s+(def )?{name}\b", line)
            )
            places.append((name and next(declared, None), f"{_relative(file, root)}:", first))
    for line, where, _ in places:
        if line:
            return f"{where}{line}"
    return f"{places[0][1]}{places[0][2]}" if places else getattr(model, "__name__", str(model))


def _relative(file: Path, root: Path) -> Path:
    return file.relative_to(root) if file.is_relative_to(root) else file


def _said(fault: ModelFault) -> str:
    return f"{fault.name}: {fault.message}" if fault.name else f"the class {fault.message}"
