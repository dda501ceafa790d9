"""The functions' artifacts: the rooms of this package and the libraries that each needs, and nothing else."""

import hashlib
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from orderstream.errors import InputError, OrderstreamError
from orderstream.ops.artifact_check import ensure_fit
from orderstream.ops.bytecode import compile_all, compile_for
from orderstream.ops.folders import ensure_writable
from orderstream.ops.sdk_data import trim

PROJECT = Path(__file__).resolve().parents[3]
TEMPLATE = PROJECT / "template.yaml"

# What template.yaml names: Runtime python3.14 on Amazon Linux 2023, arm64. It is Lambda's newest Python: when
# there is a newer one, and every library in the lock files has a wheel for it, this and the template move on.
LAMBDA_PYTHON = "3.14"
LAMBDA_PLATFORM = ("--python-version", LAMBDA_PYTHON, "--python-platform", "aarch64-manylinux_2_28")


_UV = Path(sys.executable).with_name("uv")


@dataclass(frozen=True)
class Artifact:
    """What a function is made of.

    `code_uri` is where template.yaml expects it, seen from its own folder; `entries` the modules that
    Lambda imports; `lock` has its libraries. botocore carries the models of every service of AWS: `calls`
    are the operations of each that are called.
    """

    code_uri: Path
    entries: tuple[str, ...]
    lock: Path
    rooms: tuple[str, ...]
    calls: Mapping[str, tuple[str, ...]]


PROCESS = Artifact(
    Path("build/function"),
    ("orderstream.pipeline.handler", "orderstream.pipeline.canary"),
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
    ("orderstream.archive.function",),
    PROJECT / "requirements-upkeep.lock",
    ("domain", "pipeline", "client", "ops", "archive"),
    {
        "cloudwatch": ("GetMetricStatistics",),
        "s3": ("DeleteObject", "DeleteObjects", "GetObject", "ListObjectsV2", "PutObject"),
    },
)


API = Artifact(
    Path("build/api"),
    ("orderstream.api.function",),
    PROJECT / "requirements-api.lock",
    ("domain", "pipeline", "client", "ops", "api"),
    {
        "cloudwatch": ("DescribeAlarms",),
        "dynamodb": ("GetItem", "Query"),
        "kinesis": ("PutRecords",),
        "s3": ("GetObject", "ListObjectsV2"),
    },
)


@dataclass(frozen=True)
class Built:
    """An artifact in a folder: `sha256` (hex) is over paths and contents, `size` in bytes, unpacked.

    `no_bytecode` says why there is no bytecode in it, "" where there is.
    """

    name: str
    sha256: str
    size: int
    files: int
    no_bytecode: str


def build(artifact: Artifact, target: Path, platform: tuple[str, ...] = ()) -> Built:
    """Make an artifact in `target`, anew, and check it; for this machine unless `platform` says otherwise.

    The same sources and lock file make the same bytes. Raises OrderstreamError with uv's own words if a
    library cannot be had, or if the artifact could not run.
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
    no_bytecode = ""
    if platform:
        no_bytecode = compile_for(LAMBDA_PYTHON, target)
    else:
        compile_all(target)
    for entry in artifact.entries:
        ensure_fit(target, entry, runs_here=not platform)
    return measured(artifact.code_uri.name, target, no_bytecode)


def measured(name: str, folder: Path, no_bytecode: str = "") -> Built:
    """The hash and the size of what is in `folder`."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    whole = hashlib.sha256()
    for path in files:
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        whole.update(f"{path.relative_to(folder).as_posix()}\0{content}\n".encode())
    size = sum(path.stat().st_size for path in files)
    return Built(name, whole.hexdigest(), size, len(files), no_bytecode)


def _install_libraries(artifact: Artifact, target: Path, python: tuple[str, ...]) -> None:
    ensure_uv_cache()
    command = [str(_UV), "pip", "install", "--quiet", "--target", str(target), *python]
    command += ["--only-binary", ":all:", "--require-hashes", "--requirements", str(artifact.lock)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise OrderstreamError(
            f"the function's libraries could not be installed: {done.stderr.strip()}",
            hint="is the package index reachable from here?",
        )
    trim(target / "botocore" / "data", artifact.calls)
    shutil.rmtree(target / "bin", ignore_errors=True)
    (target / ".lock").unlink(missing_ok=True)


def ensure_uv_cache() -> None:
    """Raise InputError if uv, which fetches the libraries, cannot keep them in its cache."""
    asked = subprocess.run([str(_UV), "cache", "dir"], capture_output=True, text=True, check=False)
    hint = "UV_CACHE_DIR names another folder for the cache of uv, which fetches the libraries"
    if asked.returncode:
        said = asked.stderr.strip().partition("\n")[0]
        raise InputError(f"uv has no folder for its cache: {said}", hint=hint)
    ensure_writable(Path(asked.stdout.strip()), hint=hint)


if __name__ == "__main__":
    for one in (PROCESS, UPKEEP, API):
        done = build(one, one.code_uri, LAMBDA_PLATFORM)
        print(f"{one.code_uri}: {done.files:,} files, {done.size:,} bytes, sha256 {done.sha256}")
        if done.no_bytecode:
            print(f"without bytecode, which makes cold starts slower: {done.no_bytecode}", file=sys.stderr)
