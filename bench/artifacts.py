"""The peers' artifacts and the function's, each as it would be uploaded to Lambda."""

from __future__ import annotations

import compileall
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from py_compile import PycInvalidationMode

from orderstream.deploy.artifact import PROCESS, PROJECT, build

FOLDER = PROJECT / "build" / "bench"
PEERS = Path(__file__).parent / "peers"


@dataclass(frozen=True)
class Peer:
    """A handler to measure: its names, its module, and the libraries it needs (none: its own artifact)."""

    name: str
    label: str
    module: str
    libraries: tuple[str, ...] = ()

    @property
    def artifact(self) -> Path:
        return FOLDER / self.name

    @property
    def without_pyc(self) -> Path:
        return FOLDER / f"{self.name}-without-pyc"


NAIVE = Peer("naive", "(a) naive", "naive", ("boto3",))
TEXTBOOK = Peer("textbook", "(b) textbook", "textbook", ("boto3", "aws-lambda-powertools", "pydantic"))
BATCH_WRITER = Peer("batch_writer", "(c) batch_writer", "batch_writer", ("boto3",))
OURS = Peer("orderstream", "Orderstream", "orderstream.pipeline.lambda_handler")
ALL = (NAIVE, TEXTBOOK, BATCH_WRITER, OURS)


def make(peer: Peer) -> None:
    """Build a peer's artifact, with compiled modules and once more without."""
    if peer.libraries:
        _make_peer(peer)
    else:
        build(PROCESS, peer.artifact)
    shutil.rmtree(peer.without_pyc, ignore_errors=True)
    shutil.copytree(peer.artifact, peer.without_pyc, ignore=shutil.ignore_patterns("__pycache__"))


def _make_peer(peer: Peer) -> None:
    shutil.rmtree(peer.artifact, ignore_errors=True)
    peer.artifact.mkdir(parents=True)
    command = [str(Path(sys.executable).with_name("uv")), "pip", "install", "--quiet"]
    command += ["--target", str(peer.artifact), "--python", sys.executable]
    command += ["--constraint", str(PROJECT / "requirements.lock"), *peer.libraries]
    subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
    shutil.copy(PEERS / f"{peer.module}.py", peer.artifact)
    compileall.compile_dir(peer.artifact, quiet=1, invalidation_mode=PycInvalidationMode.UNCHECKED_HASH)


def megabytes(folder: Path) -> float:
    """The size of all files in a folder, in 10⁶ bytes."""
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) / 1e6
