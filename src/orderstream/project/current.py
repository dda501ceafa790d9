"""The project that this process works in, if any; its model is that of this process's orders."""

from __future__ import annotations

import hashlib

from orderstream.domain.order import Order
from orderstream.domain.user_model import set_order_model
from orderstream.project.config import Project
from orderstream.project.imports import own_modules, top_level
from orderstream.project.model_loader import load_model

_current: Project | None = None


def current_project() -> Project | None:
    """The project that this process works in."""
    return _current


def work_in(project: Project | None) -> None:
    """Work in a project from now on, with its model of orders, which is loaded when it is first needed."""
    global _current
    _current = project
    set_order_model(lambda: load_model(project.file.model, project.root) if project else Order)


def model_digest() -> str:
    """A hash (16 hex digits) of the code of the project's model and of its lock; "" without a project."""
    project = _current
    if project is None:
        return ""
    whole = hashlib.blake2b(digest_size=8)
    files = own_modules(project.root, [project.module], top_level(project.root)).values()
    for file in sorted({*files, *filter(None, [project.lock])}):
        whole.update(f"{file.relative_to(project.root).as_posix()}\0".encode() + file.read_bytes() + b"\0")
    return whole.hexdigest()
