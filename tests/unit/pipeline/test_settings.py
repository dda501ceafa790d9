"""The function refuses to start with settings that cannot be right, and says which."""

import pytest

from orderstream.errors import InputError
from orderstream.pipeline.settings import Settings, from_environment

RIGHT = {"TABLE_NAME": "Orders", "ARCHIVE_BUCKET": "bucket", "STACK_NAME": "orderstream"}


def test_settings_come_from_the_variables_of_the_template() -> None:
    assert from_environment(RIGHT) == Settings("Orders", "bucket", "orderstream", "batch", "EUR")
    assert from_environment(RIGHT | {"ARCHIVE_LAYOUT": "order", "DEFAULT_CURRENCY": "USD"}) == Settings(
        "Orders", "bucket", "orderstream", "order", "USD"
    )


@pytest.mark.parametrize("name", RIGHT)
def test_a_missing_variable_is_named(name: str) -> None:
    with pytest.raises(InputError, match=name):
        from_environment({**RIGHT, name: ""})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ARCHIVE_LAYOUT", "day"),
        ("DEFAULT_CURRENCY", "EURO"),
        ("LATENCY_OBJECTIVE_SECONDS", "soon"),
        ("LATENCY_OBJECTIVE_SECONDS", "0"),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "1 GB"),
    ],
)
def test_a_wrong_variable_is_named(name: str, value: str) -> None:
    with pytest.raises(InputError, match=name):
        from_environment({**RIGHT, name: value})
