"""The peers' artifacts and the function's, each as it would be uploaded to Lambda."""

from __future__ import annotations

import compileall
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from py_compile import PycInvalidationMode

from reference import PROJECT

from orderstream.deploy.artifact import PROCESS, build
from orderstream.deploy.packaging import zip_folder

_SOURCES = Path(__file__).parent / "peers"


@dataclass(frozen=True)
class Peer:
    """A handler to measure: its names, its module, and the libraries it needs.

    One for Node has its libraries in `peers/node/package.json`; without any, it is the function.
    """

    name: str
    label: str
    module: str
    libraries: tuple[str, ...] = ()

    @property
    def is_node(self) -> bool:
        """Whether it runs on Node."""
        return self.module.endswith(".mjs")

    def artifact(self, *, has_pyc: bool = True) -> Path:
        """The folder of its artifact, with compiled modules or without."""
        return PROJECT / "build" / "bench" / (self.name if has_pyc else f"{self.name}-without-pyc")


NAIVE = Peer("naive", "(a) naive", "naive", ("boto3",))
TEXTBOOK = Peer("textbook", "(b) textbook", "textbook", ("boto3", "aws-lambda-powertools", "pydantic"))
BATCH_WRITER = Peer("batch_writer", "(c) batch_writer", "batch_writer", ("boto3",))
NODE = Peer("node", "(d) Node, Powertools", "powertools.mjs")
OURS = Peer("orderstream", "Orderstream", "orderstream.pipeline.lambda_handler")
PEERS = (NAIVE, TEXTBOOK, BATCH_WRITER, NODE, OURS)
LABELS = {peer.name: peer.label for peer in PEERS}


def here(peers: Sequence[Peer]) -> tuple[Peer, ...]:
    """Those of the peers that this machine can run. The others are named on standard error."""
    if shutil.which("node") and shutil.which("npm"):
        return tuple(peers)
    for peer in peers:
        if peer.is_node:
            print(f"*** SKIPPED: {peer.label}. Node.js or npm is missing here. ***", file=sys.stderr)
    return tuple(peer for peer in peers if not peer.is_node)


@cache
def make(peer: Peer) -> None:
    """Build a peer's artifact, with compiled modules and once more without; once in this process."""
    folder, without_pyc = peer.artifact(), peer.artifact(has_pyc=False)
    if peer.is_node:
        _install_node(folder)
    elif peer.libraries:
        _install(peer, folder)
    else:
        build(PROCESS, folder)
    if not peer.is_node:
        shutil.rmtree(without_pyc, ignore_errors=True)
        shutil.copytree(folder, without_pyc, ignore=shutil.ignore_patterns("__pycache__"))


def _install(peer: Peer, folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    command = [str(Path(sys.executable).with_name("uv")), "pip", "install", "--quiet"]
    command += ["--target", str(folder), "--python", sys.executable]
    command += ["--constraint", str(PROJECT / "requirements.lock"), *peer.libraries]
    subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
    shutil.copy(_SOURCES / f"{peer.module}.py", folder)
    compileall.compile_dir(folder, quiet=1, invalidation_mode=PycInvalidationMode.UNCHECKED_HASH)


def _install_node(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(_SOURCES / "node", folder)
    command = ["npm", "install", "--silent", "--no-audit", "--no-fund", "--ignore-scripts"]
    subprocess.run(command, cwd=folder, check=True)


def zipped_megabytes(folder: Path) -> float:
    """The size of the folder's archive as it would be uploaded, in 10⁶ bytes."""
    zip_folder(folder)
    return Path(f"{folder}.zip").stat().st_size / 1e6


def megabytes(folder: Path) -> float:
    """The size of all files in a folder, in 10⁶ bytes."""
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) / 1e6
