"""The model of orders that this process uses: the user's own, if there is one."""

from collections.abc import Callable, Mapping
from importlib import import_module

from orderstream.domain.order import Order

# In the environment of a function: its model, as MODULE:CLASS.
VARIABLE = "ORDER_MODEL"

_load: Callable[[], type[Order]] = lambda: Order  # noqa: E731
_current: type[Order] | None = None


def order_model() -> type[Order]:
    """The class of this process's orders."""
    global _current
    if _current is None:
        _current = _load()
    return _current


def set_order_model(load: Callable[[], type[Order]]) -> None:
    """Use the class of orders that `load` returns when it is first needed.

    Each entry point of the program does so once, when it starts.
    """
    global _load, _current
    _load, _current = load, None


def use_model_of(environ: Mapping[str, str]) -> None:
    """Use the model that ORDER_MODEL names, if it names one, in a function of which the model is a part."""
    if name := environ.get(VARIABLE):
        set_order_model(lambda: imported(name))


def imported(name: str) -> type[Order]:
    """The class MODULE:CLASS. Raises what importing it raises."""
    module, _, attribute = name.partition(":")
    found: type[Order] = getattr(import_module(module), attribute)
    return found
