"""The SDK's data is cut down to the calls that are made, and says the same about those."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import botocore
import botocore.session
import pytest
from botocore.model import OperationModel, Shape

from orderstream.deploy.artifact import API, MAINTENANCE, PROCESS
from orderstream.deploy.botocore_trim import trim

FULL = Path(botocore.__file__).parent / "data"
# Of all functions, by service.
CALLS: dict[str, tuple[str, ...]] = {}
for artifact in (PROCESS, MAINTENANCE, API):
    for service, names in artifact.calls.items():
        CALLS[service] = tuple({*CALLS.get(service, ()), *names})


@pytest.fixture(scope="module")
def trimmed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data that is left for the calls of all functions."""
    data = tmp_path_factory.mktemp("botocore") / "data"
    for service in CALLS:
        shutil.copytree(FULL / service, data / service, copy_function=os.link)
    for file in FULL.glob("*.json"):
        os.link(file, data / file.name)
    trim(data, CALLS)
    return data


def operations(data: Path, service: str) -> dict[str, OperationModel]:
    session = botocore.session.Session(include_builtin_handlers=False)
    session.set_credentials("a", "b")
    loader = session.get_component("data_loader")
    loader.search_paths[:] = [str(data)]
    model = session.create_client(service, region_name="eu-west-1").meta.service_model
    return {name: model.operation_model(name) for name in model.operation_names}


def described(shape: Shape | None, seen: tuple[str, ...] = ()) -> Iterator[object]:
    if shape is None or shape.name in seen:
        return
    yield shape.name, shape.type_name, shape.serialization, shape.metadata
    for name, member in getattr(shape, "members", {}).items():
        yield name
        yield from described(member, (*seen, shape.name))
    for name in ("member", "key", "value"):
        yield from described(getattr(shape, name, None), (*seen, shape.name))


@pytest.mark.parametrize("service", CALLS)
def test_only_the_calls_that_are_made_are_left_and_they_are_as_they_were(trimmed: Path, service: str) -> None:
    left, full = operations(trimmed, service), operations(FULL, service)
    assert left.keys() == set(CALLS[service])
    for name, operation in left.items():
        assert operation.http == full[name].http
        for part in ("input_shape", "output_shape"):
            assert list(described(getattr(operation, part))) == list(described(getattr(full[name], part)))
        assert [shape.name for shape in operation.error_shapes] == [
            shape.name for shape in full[name].error_shapes
        ]


def test_files_that_are_shared_by_hard_links_are_not_written_to(trimmed: Path) -> None:
    assert len(operations(FULL, "dynamodb")) > 50
    assert (FULL / "endpoints.json").stat().st_size > 1_000_000 > (trimmed / "endpoints.json").stat().st_size


def test_an_operation_that_there_is_not_is_an_error(tmp_path: Path) -> None:
    shutil.copytree(FULL / "dynamodb", tmp_path / "dynamodb")
    shutil.copy(FULL / "endpoints.json", tmp_path)
    with pytest.raises(KeyError):
        trim(tmp_path, {"dynamodb": ("NoSuchCall",)})
