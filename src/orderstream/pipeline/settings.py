"""The function's settings, read from environment variables once per process."""

from collections.abc import Mapping

import msgspec

from orderstream.domain.fields import InvalidValue, currency
from orderstream.errors import InputError

LAYOUTS = ("batch", "order")


class Settings(msgspec.Struct, frozen=True):
    """The function's settings; `table` is that of the orders, `events_table` that of their events.

    `stack` is the dimension of its metrics, `memory_mb` its memory in Lambda.

    An order that is stored more than `objective_seconds` after its arrival counts as late.
    """

    table: str
    bucket: str
    stack: str
    layout: str = "batch"
    currency: str = "EUR"
    memory_mb: int = 1024
    objective_seconds: int = 30
    # A stack of a version without events has no such table.
    events_table: str = ""


def from_environment(environ: Mapping[str, str]) -> Settings:
    """Read the settings from the variables that template.yaml and Lambda set.

    Raises InputError that names an invalid one.
    """
    table, bucket, stack = required(environ, "TABLE_NAME", "ARCHIVE_BUCKET", "STACK_NAME")
    layout = environ.get("ARCHIVE_LAYOUT", "batch")
    if layout not in LAYOUTS:
        raise InputError(f"ARCHIVE_LAYOUT must be one of {', '.join(LAYOUTS)}, not {layout!r}")
    try:
        default = currency(environ.get("DEFAULT_CURRENCY", "EUR"))
    except InvalidValue as refused:
        raise InputError(f"DEFAULT_CURRENCY {refused.message}") from None
    return Settings(
        table=table,
        bucket=bucket,
        stack=stack,
        layout=layout,
        currency=default,
        memory_mb=positive_integer(environ, "AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "1024"),
        objective_seconds=positive_integer(environ, "LATENCY_OBJECTIVE_SECONDS", "30"),
        events_table=environ.get("EVENTS_TABLE_NAME", ""),
    )


def required(environ: Mapping[str, str], *names: str) -> list[str]:
    """The values of required environment variables. Raises InputError that names those missing."""
    missing = [name for name in names if not environ.get(name)]
    if missing:
        raise InputError(f"environment variables are not set: {', '.join(missing)}")
    return [environ[name] for name in names]


def positive_integer(environ: Mapping[str, str], name: str, default: str = "") -> int:
    """The value of an environment variable that is a positive integer. Raises InputError that names it."""
    value = environ.get(name, default)
    if not (value.isascii() and value.isdigit() and int(value)):
        raise InputError(f"{name} must be a positive integer, not {value!r}")
    return int(value)
