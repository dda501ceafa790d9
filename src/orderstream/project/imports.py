"""Reads the imports of this package's modules from their sources."""

import ast
import sys
from collections.abc import Collection, Iterator
from pathlib import Path

# The packages whose modules are ours.
OURS = frozenset({"orderstream"})


def own_modules(folder: Path, entries: Collection[str], ours: Collection[str] = OURS) -> dict[str, Path]:
    """The modules in `folder` that the `entries` can import, with their files; they are among them.

    `ours` are the top-level packages and modules that count. Includes imports in functions and the packages
    that contain a module, but not imports for type checkers.
    """
    found: dict[str, Path] = {}
    waiting = list(entries)
    while waiting:
        module = waiting.pop()
        file = _file_of(folder, module)
        if module in found or not file or file.suffix != ".py":
            continue
        found[module] = file
        reached = {module.rpartition(".")[0]} | {
            one for base, name in imports_of(file) for one in (base, f"{base}.{name}")
        }
        waiting += [one for one in reached if one.split(".")[0] in ours]
    return found


def unresolved(folder: Path, entries: Collection[str], ours: Collection[str] = OURS) -> list[str]:
    """The unresolvable imports of all modules of `ours` that `entries` can reach: "MODULE imports NAME"."""
    missing = [f"there is no {entry}" for entry in entries if _file_of(folder, entry) is None]
    return missing or sorted(
        f"{module} imports {f'{base}.{name}' if name else base}"
        for module, file in own_modules(folder, entries, ours).items()
        for base, name in imports_of(file)
        if base.split(".")[0] not in sys.stdlib_module_names
        and (_file_of(folder, base) is None or not _has(folder, base, name, ours))
    )


def top_level(folder: Path) -> frozenset[str]:
    """The names of the modules and packages in a folder."""
    files = (file for file in folder.iterdir() if file.suffix == ".py" or (file / "__init__.py").is_file())
    return frozenset(file.stem for file in files)


def imports_of(file: Path) -> Iterator[tuple[str, str]]:
    """(module, name in it or "") of every import in a source file, except those for type checkers."""
    return _imports(ast.parse(file.read_text()))


def _imports(tree: ast.AST) -> Iterator[tuple[str, str]]:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
            continue
        if isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield from ((node.module, alias.name) for alias in node.names)
        yield from _imports(node)


def _has(folder: Path, base: str, name: str, ours: Collection[str]) -> bool:
    """Whether, according to the sources, `name` can be imported from `base`; for ours, a module or a name."""
    file = _file_of(folder, base)
    if not name or base.split(".")[0] not in ours or file is None or file.name != "__init__.py":
        return True
    return bool(_file_of(folder, f"{base}.{name}")) or name in file.read_text()


def _file_of(folder: Path, module: str) -> Path | None:
    place = folder / Path(*module.split("."))
    if (place / "__init__.py").is_file():
        return place / "__init__.py"
    if place.with_name(f"{place.name}.py").is_file():
        return place.with_name(f"{place.name}.py")
    libraries = sorted(place.parent.glob(f"{place.name}.*so"))
    # A folder without __init__.py is a package too (google, of protobuf).
    return libraries[0] if libraries else place if place.is_dir() else None
