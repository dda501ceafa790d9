"""The functions' artifacts: the rooms of this package and the libraries that each needs, and nothing else."""

import compileall
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from py_compile import PycInvalidationMode

from orderstream.errors import OrderstreamError
from orderstream.ops.sdk_data import trim

PROJECT = Path(__file__).resolve().parents[3]
TEMPLATE = PROJECT / "template.yaml"

# What template.yaml names: Runtime python3.14 on Amazon Linux 2023, arm64.
LAMBDA_PLATFORM = ("--python-version", "3.14", "--python-platform", "aarch64-manylinux_2_28")


@dataclass(frozen=True)
class Artifact:
    """What a function is made of.

    `code_uri` is where template.yaml expects it, seen from its own folder; `lock` has its libraries. botocore
    carries the models of every service of AWS: `calls` are the operations of each that are called.
    """

    code_uri: Path
    lock: Path
    rooms: tuple[str, ...]
    calls: Mapping[str, tuple[str, ...]]


PROCESS = Artifact(
    Path("build/function"),
    PROJECT / "requirements-function.lock",
    ("domain", "pipeline"),
    {
        "dynamodb": ("BatchExecuteStatement", "BatchGetItem", "GetItem"),
        "kinesis": ("PutRecord",),
        "s3": ("GetObject", "PutObject"),
    },
)
UPKEEP = Artifact(
    Path("build/upkeep"),
    PROJECT / "requirements-upkeep.lock",
    ("domain", "pipeline", "client", "ops", "archive"),
    {
        "cloudwatch": ("GetMetricStatistics",),
        "s3": ("DeleteObject", "DeleteObjects", "GetObject", "ListObjectsV2", "PutObject"),
    },
)


def build(artifact: Artifact, target: Path, platform: tuple[str, ...] = ()) -> None:
    """Make an artifact in `target`, anew; for this machine's Python unless `platform` says otherwise.

    Raises OrderstreamError with uv's own words if a library cannot be had.
    """
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    _install_libraries(artifact, target, platform or ("--python", sys.executable))
    package = PROJECT / "src" / "orderstream"
    for name in ("__init__.py", "errors.py", *artifact.rooms):
        source, copy = package / name, target / "orderstream" / name
        if source.is_dir():
            shutil.copytree(source, copy, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            copy.parent.mkdir(exist_ok=True)
            shutil.copy2(source, copy)
    if not platform:
        # Checked by content: the files get new times when they are unpacked.
        compileall.compile_dir(target, quiet=1, invalidation_mode=PycInvalidationMode.UNCHECKED_HASH)


def _install_libraries(artifact: Artifact, target: Path, python: tuple[str, ...]) -> None:
    uv = Path(sys.executable).with_name("uv")
    command = [str(uv), "pip", "install", "--quiet", "--target", str(target), *python]
    command += ["--only-binary", ":all:", "--require-hashes", "--requirements", str(artifact.lock)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise OrderstreamError(
            f"the function's libraries could not be installed: {done.stderr.strip()}",
            hint="is the package index reachable from here?",
        )
    trim(target / "botocore" / "data", artifact.calls)
    shutil.rmtree(target / "bin", ignore_errors=True)


if __name__ == "__main__":
    for one in (PROCESS, UPKEEP):
        build(one, one.code_uri, LAMBDA_PLATFORM)
