"""Writes the files of a new project."""

from __future__ import annotations

import re
from pathlib import Path
from string import Template

from orderstream import __version__
from orderstream.errors import InputError

_TEMPLATES = Path(__file__).with_name("templates")
# The files of a project, and the template of each.
FILES = {
    "order.py": "order.py.template",
    "orderstream.toml": "orderstream.toml.template",
    "tests/test_order.py": "test_order.py.template",
    ".github/workflows/orders.yml": "orders.yml.template",
    "requirements.txt": "requirements.txt.template",
    ".gitignore": "gitignore.template",
    "README.md": "README.md.template",
}
# The names of its stacks begin with it.
_NAME = re.compile(r"[a-z][a-z0-9-]{0,39}")


def write_project(folder: Path, region: str) -> list[str]:
    """Write a new project into `folder`, named after it; return the files, relative to it.

    Raises InputError if the folder has one of these files already, or cannot be the name of a stack.
    """
    name = folder.absolute().name
    if not _NAME.fullmatch(name):
        raise InputError(
            f"{name!r} cannot be the name of a stack",
            hint="use lower-case letters, digits and hyphens, a letter first: orders init my-shop",
        )
    for file in FILES:
        if (folder / file).exists():
            raise InputError(f"{folder / file} is there already", hint="name another folder")
    values = {"name": name, "region": region, "version": __version__}
    try:
        for file, template in FILES.items():
            text = Template((_TEMPLATES / template).read_text()).substitute(values)
            (folder / file).parent.mkdir(parents=True, exist_ok=True)
            (folder / file).write_text(text)
    except OSError as error:
        raise InputError(f"cannot write {error.filename}: {error.strerror}") from error
    return list(FILES)
