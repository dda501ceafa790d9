"""Builds the functions' artifacts: the modules that each entry point imports, and its libraries."""

import hashlib
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from uv import find_uv_bin

from orderstream.deploy.artifact_check import ensure_fit
from orderstream.deploy.botocore_trim import trim
from orderstream.deploy.bytecode import compile_all, compile_for
from orderstream.deploy.endpoint_table import write_endpoint_table
from orderstream.errors import InputError, OrderstreamError
from orderstream.files.folders import ensure_writable
from orderstream.project.config import Project
from orderstream.project.imports import OURS, own_modules, top_level

_HERE = Path(__file__).parent
TEMPLATE = _HERE / "template.yaml"
# The folder that has the package: `src` in a clone, `site-packages` where a wheel is installed.
SOURCES = _HERE.parents[1]

# As in template.yaml: Runtime python3.14 on Amazon Linux 2023, arm64. It is Lambda's newest Python. When
# there is a newer one, and every library in the lock files has a wheel for it, update this and the template.
LAMBDA_PYTHON = "3.14"
LAMBDA_PLATFORM = ("--python-version", LAMBDA_PYTHON, "--python-platform", "aarch64-manylinux_2_28")


@dataclass(frozen=True)
class Artifact:
    """The definition of a function's artifact.

    `code_uri` is the path in template.yaml, relative to it. `entries` are the modules that Lambda imports;
    they ship with every module of this package that they import. `lock` pins the libraries. `calls` are the
    operations that the function calls, by service; botocore ships the models of all AWS services.
    """

    code_uri: Path
    entries: tuple[str, ...]
    lock: Path
    calls: Mapping[str, tuple[str, ...]]


PROCESS = Artifact(
    Path("build/function"),
    (
        "orderstream.pipeline.lambda_handler",
        "orderstream.canary.lambda_handler",
        "orderstream.feed.lambda_handler",
        "orderstream.pending.lambda_handler",
        "orderstream.totals.lambda_handler",
        "orderstream.webhooks.queue_handler",
        "orderstream.webhooks.send_handler",
    ),
    _HERE / "requirements-function.lock",
    {
        "dynamodb": (
            "BatchExecuteStatement",
            "BatchGetItem",
            "GetItem",
            "Query",
            "Scan",
            "TransactWriteItems",
            "UpdateItem",
        ),
        "kinesis": ("PutRecord", "PutRecords"),
        "lambda": ("Invoke",),
        "s3": ("GetObject", "PutObject"),
        "secretsmanager": ("GetSecretValue",),
    },
)
MAINTENANCE = Artifact(
    Path("build/maintenance"),
    ("orderstream.archive.lambda_handler",),
    _HERE / "requirements-maintenance.lock",
    {
        "cloudwatch": ("GetMetricStatistics",),
        "s3": ("DeleteObject", "DeleteObjects", "GetObject", "ListObjectsV2", "PutObject"),
    },
)


API = Artifact(
    Path("build/api"),
    ("orderstream.api.lambda_handler",),
    _HERE / "requirements-api.lock",
    {
        "cloudwatch": ("DescribeAlarms",),
        "dynamodb": ("BatchGetItem", "GetItem", "Query"),
        "kinesis": ("PutRecords",),
        "s3": ("GetObject", "ListObjectsV2"),
    },
)


@dataclass(frozen=True)
class BuiltArtifact:
    """A built artifact: `sha256` (hex) is over paths and contents, `size` in bytes, unpacked.

    `no_bytecode` is the reason why it has no bytecode, "" if it has.
    """

    name: str
    sha256: str
    size: int
    files: int
    no_bytecode: str


def build(
    artifact: Artifact, target: Path, platform: tuple[str, ...] = (), project: Project | None = None
) -> BuiltArtifact:
    """Build an artifact from scratch in `target` and check it; for this machine unless `platform` is given.

    It has the order model of `project` and that model's libraries, if there is a project.

    The same sources and lock file produce the same bytes. Raises OrderstreamError, with uv's output if a
    library is not available, or if the artifact could not run.
    """
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    _install_libraries(artifact, target, platform or ("--python", sys.executable), project)
    parts = [(SOURCES, artifact.entries, OURS)]
    if project:
        parts.append((project.root, (project.module,), top_level(project.root)))
    for sources, entries, ours in parts:
        _copy(sources, target, own_modules(sources, entries, ours).values())
    write_endpoint_table(target)
    no_bytecode = ""
    if platform:
        no_bytecode = compile_for(LAMBDA_PYTHON, target)
    else:
        compile_all(target)
    for _, entries, ours in parts:
        ensure_fit(target, entries, runs_here=not platform, ours=ours)
    return measure(artifact.code_uri.name, target, no_bytecode)


def _copy(sources: Path, target: Path, files: Iterable[Path]) -> None:
    for file in files:
        copy = target / file.relative_to(sources)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(file, copy)


def measure(name: str, folder: Path, no_bytecode: str = "") -> BuiltArtifact:
    """The hash and size of the contents of `folder`."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    whole = hashlib.sha256()
    for path in files:
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        whole.update(f"{path.relative_to(folder).as_posix()}\0{content}\n".encode())
    size = sum(path.stat().st_size for path in files)
    return BuiltArtifact(name, whole.hexdigest(), size, len(files), no_bytecode)


def _install_libraries(
    artifact: Artifact, target: Path, python: tuple[str, ...], project: Project | None
) -> None:
    ensure_uv_cache()
    command = [find_uv_bin(), "pip", "install", "--quiet", "--target", str(target), *python]
    command += ["--only-binary", ":all:", "--require-hashes", "--requirements", str(artifact.lock)]
    hint = "is the package index reachable from here?"
    if project and project.lock:
        command += ["--requirements", str(project.lock)]
        hint += f" {project.lock.name} must pin all by hash, and no other versions than Orderstream's own"
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise OrderstreamError(
            f"the function's libraries could not be installed: {done.stderr.strip()}",
            hint=hint,
        )
    trim(target / "botocore" / "data", artifact.calls)
    shutil.rmtree(target / "bin", ignore_errors=True)
    (target / ".lock").unlink(missing_ok=True)


def ensure_uv_cache() -> None:
    """Raise InputError if uv, which fetches the libraries, cannot write to its cache."""
    asked = subprocess.run([find_uv_bin(), "cache", "dir"], capture_output=True, text=True, check=False)
    hint = "UV_CACHE_DIR names another folder for the cache of uv, which fetches the libraries"
    if asked.returncode:
        said = asked.stderr.strip().partition("\n")[0]
        raise InputError(f"uv has no folder for its cache: {said}", hint=hint)
    ensure_writable(Path(asked.stdout.strip()), hint=hint)


if __name__ == "__main__":
    for one in (PROCESS, MAINTENANCE, API):
        done = build(one, one.code_uri, LAMBDA_PLATFORM)
        print(f"{one.code_uri}: {done.files:,} files, {done.size:,} bytes, sha256 {done.sha256}")
        if done.no_bytecode:
            print(f"without bytecode, which makes cold starts slower: {done.no_bytecode}", file=sys.stderr)
