"""The project that this process works in, if any; its model is that of this process's orders."""

from __future__ import annotations

from orderstream.domain.order import Order
from orderstream.domain.user_model import set_order_model
from orderstream.project.config import Project
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
