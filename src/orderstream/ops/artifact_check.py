"""Whether an artifact can run in Lambda: every import of it leads somewhere, and it is not too large."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from orderstream.errors import OrderstreamError

# Of a function, unpacked. (50 MB zipped is the limit of an upload without S3, which nobody makes here.)
MOST_BYTES = 250 * 2**20
_OURS = "orderstream"


def ensure_fit(folder: Path, entry: str, *, runs_here: bool) -> None:
    """Raise OrderstreamError if Lambda could not import `entry` from `folder`, or would refuse its size.

    What is built for this machine is imported, alone. Code for another cannot be run: its imports are
    followed through the sources.
    """
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    if size > MOST_BYTES:
        raise OrderstreamError(
            f"{entry} takes {size / 2**20:,.0f} MB with its libraries; Lambda takes 250 MB",
            hint="which library has grown? compare the lock file with the last one",
        )
    missing = unresolved(folder, entry)
    if missing:
        raise OrderstreamError(
            f"{entry} could not be imported in Lambda: {'; '.join(missing)}",
            hint="is the library in the lock file, and the room among the artifact's rooms?",
        )
    if runs_here:
        _import_alone(folder, entry)


def unresolved(folder: Path, entry: str) -> list[str]:
    """The imports that lead nowhere, of all our modules that `entry` can reach: "MODULE imports NAME"."""
    found, seen, waiting = [], {entry}, [entry]
    if _file_of(folder, entry) is None:
        return [f"there is no {entry}"]
    while waiting:
        module = waiting.pop()
        file = _file_of(folder, module)
        if file is None or file.suffix != ".py":
            continue
        for base, name in _imports(ast.parse(file.read_text())):
            if base.split(".")[0] in sys.stdlib_module_names:
                continue
            inner = f"{base}.{name}"
            if _file_of(folder, base) is None or not _has(folder, base, name):
                found.append(f"{module} imports {inner if name else base}")
            for reached in (base, inner):
                if reached.startswith(f"{_OURS}.") and reached not in seen and _file_of(folder, reached):
                    seen.add(reached)
                    waiting.append(reached)
    return sorted(found)


def _imports(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """(module, name in it or "") of every import, in functions too, but not of those for type checkers."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
            continue
        if isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield from ((node.module, alias.name) for alias in node.names)
        yield from _imports(node)


def _has(folder: Path, base: str, name: str) -> bool:
    """Whether `name` can be imported from `base`, as far as sources tell: of ours, a module or a name."""
    file = _file_of(folder, base)
    if not name or not base.startswith(_OURS) or file is None or file.name != "__init__.py":
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


def _import_alone(folder: Path, entry: str) -> None:
    program = f"import sys; sys.path[:0] = [{str(folder)!r}]; import {entry}"
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-B", "-c", program], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise OrderstreamError(f"{entry} cannot be imported: {done.stderr.strip().splitlines()[-1]}")
