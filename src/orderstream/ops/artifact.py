"""The function's artifact: `domain` and `pipeline`, the libraries they need, and nothing else."""

import compileall
import shutil
import subprocess
import sys
from pathlib import Path
from py_compile import PycInvalidationMode

from orderstream.errors import OrderstreamError
from orderstream.ops.sdk_data import trim

PROJECT = Path(__file__).resolve().parents[3]
LOCK = PROJECT / "requirements-function.lock"
TEMPLATE = PROJECT / "template.yaml"
# Where template.yaml expects the artifact, seen from its own folder.
CODE_URI = Path("build/function")

# What template.yaml names: Runtime python3.14 on Amazon Linux 2023, arm64.
LAMBDA_PLATFORM = ("--python-version", "3.14", "--python-platform", "aarch64-manylinux_2_28")

# botocore carries the models of every service of AWS; these are the calls that the function makes.
CALLS = {"dynamodb": ("BatchExecuteStatement", "BatchGetItem"), "s3": ("GetObject", "PutObject")}
_SHIPPED = ("__init__.py", "errors.py", "domain", "pipeline")


def build(target: Path, platform: tuple[str, ...] = ()) -> None:
    """Make the artifact in `target`, anew; for this machine's Python unless `platform` says otherwise.

    Raises OrderstreamError with uv's own words if a library cannot be had.
    """
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    _install_libraries(target, platform or ("--python", sys.executable))
    package = PROJECT / "src" / "orderstream"
    for name in _SHIPPED:
        source, copy = package / name, target / "orderstream" / name
        if source.is_dir():
            shutil.copytree(source, copy, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            copy.parent.mkdir(exist_ok=True)
            shutil.copy2(source, copy)
    if not platform:
        # Checked by content: the files get new times when they are unpacked.
        compileall.compile_dir(target, quiet=1, invalidation_mode=PycInvalidationMode.UNCHECKED_HASH)


def _install_libraries(target: Path, python: tuple[str, ...]) -> None:
    uv = Path(sys.executable).with_name("uv")
    command = [str(uv), "pip", "install", "--quiet", "--target", str(target), *python]
    command += ["--only-binary", ":all:", "--require-hashes", "--requirements", str(LOCK)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise OrderstreamError(
            f"the function's libraries could not be installed: {done.stderr.strip()}",
            hint="is the package index reachable from here?",
        )
    trim(target / "botocore" / "data", CALLS)
    shutil.rmtree(target / "bin", ignore_errors=True)


if __name__ == "__main__":
    build(CODE_URI, LAMBDA_PLATFORM)
