"""The checkpoint file: how far each shard of each mapping is processed, so that a restart resumes there."""

import json
import threading
from pathlib import Path

import msgspec

from orderstream.errors import CloudError
from orderstream.files import private

# The whole file is read and replaced to change one mapping's part of it.
_one_at_a_time = threading.Lock()

# By shard id: the sequence number up to which every record is done or, before there is one, where reading
# starts (a `Position` as text).
Checkpoints = dict[str, str]


class CheckpointFile:
    """One mapping's part of the JSON file at `path`: `{mapping id: {shard id: position}}`.

    The first `save` creates the file. It is replaced atomically: a crash leaves the old or the new one.
    """

    def __init__(self, path: Path, mapping_id: str) -> None:
        self._path = path
        self._mapping_id = mapping_id

    def load(self) -> Checkpoints | None:
        """The checkpoints last saved, None if there are none; raises CloudError if they are unreadable."""
        return self._read().get(self._mapping_id)

    def save(self, checkpoints: Checkpoints) -> None:
        """Replace this mapping's checkpoints; raises CloudError if the file is unreadable, or OSError."""
        with _one_at_a_time:
            whole = self._read() | {self._mapping_id: checkpoints}
            private.write(self._path, json.dumps(whole, indent=1, sort_keys=True).encode())

    def _read(self) -> dict[str, Checkpoints]:
        try:
            text = self._path.read_text()
        except FileNotFoundError:
            return {}
        try:
            return msgspec.json.decode(text, type=dict[str, Checkpoints])
        except msgspec.DecodeError as error:
            raise CloudError(
                f"{self._path} holds no checkpoints: {error}",
                hint="delete it: the stream is read again from its start, and orders stay single",
            ) from error
