"""Saves MiniStack's state while it runs: a snapshot every few seconds, each record of a stream immediately.

MiniStack itself saves only at an orderly stop, one file per service. Here a forked child, in which the state
is frozen, writes all services' state as one file that replaces the last one. Kinesis records, and writes to
tables that have a stream, are in a journal before they are acknowledged. S3 objects are separate files
already.
"""

from __future__ import annotations

import asyncio
import copy
import json
import os
import select
import signal
import stat
import threading
import time
import warnings
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import Any

from ministack import app
from ministack.services import kinesis, lambda_svc

from orderstream.local import dynamodb_streams
from orderstream.local.child_process import SNAPSHOT_SECONDS
from orderstream.local.patches import require_attr
from orderstream.local.state import StateFolder, StateSnapshot, damaged
from orderstream.local.unsaved_objects import UnsavedObjects
from orderstream.local.write_operations import noticing_changes

# The larger the state, the longer the pauses: snapshots use one core for at most a fifth of the time.
CORE_SHARE = 0.2
# CloudFormation and Lambda continue to work after a request was answered.
SETTLE_SECONDS = 30.0
LONGEST_SNAPSHOT_SECONDS = 300.0

Tell = Callable[[Mapping[str, Any]], None]


class Snapshots:
    """Saves MiniStack's state, and restores it at the start. Runs on MiniStack's event loop.

    `tell` is called with {"saved": n} when everything is saved after a snapshot, n being how many were
    requested by then; with {"failed": why} if a snapshot, the journal or an object could not be written; and
    with {"fatal": why, "hint": what to do} before the process ends because it cannot restore.
    """

    def __init__(self, folder: StateFolder, last: StateSnapshot, tell: Tell) -> None:
        self._folder = folder
        self._last = last
        self._tell = tell
        # The current journal has the records that are in no snapshot up to this number.
        self._number = max([last.number, *folder.journal_numbers()]) + 1
        self._journal = folder.journal(self._number)
        # Why the current journal lacks records, "" if it has all.
        self._journal_error = ""
        self._changed_at = float("-inf")
        self._has_failed = False
        self._asked = self._answered = 0
        self._wake = asyncio.Event()
        # One writer at a time: all write the same file.
        self._writing = threading.Lock()
        # A failure of the journal and the end of a snapshot are reported one after the other.
        self._reporting = threading.Lock()
        self._unwritten = UnsavedObjects()

    def install(self) -> None:
        """Replace MiniStack's restoring and saving; call before it starts."""
        require_attr(app, "_load_persisted_state")
        require_attr(app, "save_all")
        app._load_persisted_state = self._restore
        app.save_all = lambda services: self._await_writer(*self._begin(services))
        app.app = noticing_changes(require_attr(app, "app"), self._note_change)
        kinesis._put_record = self._journaled(require_attr(kinesis, "_put_record"))
        kinesis._put_records = self._journaled(require_attr(kinesis, "_put_records"))
        dynamodb_streams.journal_writes(lambda writes: self._append([{"writes": writes}]))
        self._unwritten.install()
        require_attr(lambda_svc, "_prune_orphan_code_blobs")

    def ask(self) -> None:
        """Request a snapshot now, from any thread."""

        def wake() -> None:
            self._asked += 1
            self._wake.set()

        app._MAIN_LOOP.call_soon_threadsafe(wake)

    def _restore(self) -> None:
        for name, module in require_attr(app, "_state_map").items():
            if state := self._last.services.get(name):
                try:
                    app._get_module(module).load_persisted_state(state)
                except Exception as error:
                    failure = damaged(self._folder.folder, f"{name}: {error!r}")
                    self._tell({"fatal": failure.message, "hint": failure.hint})
                    # The server would treat an exception as an application without startup events, and
                    # continue.
                    os._exit(1)
        streams = {stream["StreamARN"]: stream for _, stream in kinesis._streams.all_items()}
        for entry in self._folder.acknowledged_since(self._last):
            for write in entry.get("writes", ()):
                dynamodb_streams.restore_write(write)
            if "record" not in entry:
                continue
            shard = streams.get(entry["stream"], {"shards": {}})["shards"].get(entry["shard"])
            record = entry["record"]
            if shard is not None and not _has(shard["records"], record):
                shard["records"].append(record)
        _never_go_back(
            record["SequenceNumber"]
            for stream in streams.values()
            for shard in stream["shards"].values()
            for record in shard["records"][-1:]
        )
        self._last = StateSnapshot(self._last.number)
        self._keeping = asyncio.get_running_loop().create_task(self._keep_saving())

    def _note_change(self) -> None:
        self._changed_at = time.monotonic()

    async def _keep_saving(self) -> None:
        pause = SNAPSHOT_SECONDS
        while True:
            try:
                await asyncio.wait_for(self._wake.wait(), pause)
            except TimeoutError:
                is_still = time.monotonic() - self._changed_at > SETTLE_SECONDS
                if is_still and self._asked == self._answered and not self._has_failed:
                    continue
            self._wake.clear()
            worked = 0.0
            try:
                writer = self._begin(app._build_persistence_save_dict())
                worked = await asyncio.to_thread(self._await_writer, *writer)
            except Exception as error:
                # No descriptors or memory for a writer: the next attempt may succeed.
                self._has_failed = True
                self._tell({"failed": f"no writer could be started: {error}"})
            pause = max(SNAPSHOT_SECONDS, worked / CORE_SHARE)

    def _begin(self, services: Mapping[str, Callable[[], Any]]) -> tuple[int, int, int, int]:
        """Fork a writer; return its id, its result pipe, the snapshot's number, and the request count."""
        self._writing.acquire()
        try:
            return self._forked(services)
        except BaseException:
            self._writing.release()
            raise

    def _forked(self, services: Mapping[str, Callable[[], Any]]) -> tuple[int, int, int, int]:
        self._unwritten.write()
        # Read before the fork: everything that it marks as done is then in the saved state.
        checkpoints = self._folder.read_checkpoints()
        self._number += 1
        self._journal.close()
        self._journal = self._folder.journal(self._number)
        self._journal_error = ""
        answer, answering = os.pipe()
        with warnings.catch_warnings():
            # Python 3.12 and later warn about threads. This child takes none of their locks: it only reads
            # and writes.
            warnings.simplefilter("ignore", DeprecationWarning)
            writer = os.fork()
        if writer == 0:
            self._write(answering, checkpoints, services)
        os.close(answering)
        return writer, answer, self._number, self._asked

    def _write(
        self, answering: int, checkpoints: str | None, services: Mapping[str, Callable[[], Any]]
    ) -> None:
        """Write the snapshot in the forked child, and exit."""
        try:
            signal.set_wakeup_fd(-1)
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, signal.SIG_DFL)
            _close_sockets()
            # No need to copy: this process is the copy.
            vars(copy)["deepcopy"] = lambda value: value
            if self._unwritten.error:
                raise OSError(self._unwritten.error)
            # The last snapshot may need code that this one does not; it is removed once this one has replaced
            # it.
            needed: list[set[str]] = []
            prune = lambda_svc._prune_orphan_code_blobs
            lambda_svc._prune_orphan_code_blobs = needed.append
            states = {name: state for name, get in services.items() if (state := get()) is not None}
            # Iterators live for five minutes, and readers request new ones.
            states.get("kinesis", {}).pop("shard_iterators", None)
            self._folder.save(self._number, checkpoints, states)
            for code in needed:
                prune(code)
            os.write(answering, b"saved")
        except OSError as error:
            os.write(answering, (error.strerror or str(error)).encode())
        except BaseException as error:
            os.write(answering, repr(error).encode()[:1000])
        finally:
            os._exit(0)

    def _await_writer(self, writer: int, answer: int, number: int, asked: int) -> float:
        """Wait until the snapshot is saved or has failed and report it; return the writer's CPU seconds."""
        try:
            try:
                ready, _, _ = select.select([answer], [], [], LONGEST_SNAPSHOT_SECONDS)
                if not ready:
                    os.kill(writer, signal.SIGKILL)
                said = os.read(answer, 1000).decode(errors="replace") if ready else "it took too long"
            finally:
                os.close(answer)
                used = os.wait4(writer, 0)[2]
            if said == "saved":
                self._folder.drop_journals(number)
            with self._reporting:
                self._report(said, asked)
        finally:
            self._writing.release()
        return used.ru_utime + used.ru_stime

    def _report(self, said: str, asked: int) -> None:
        error = said or "its writer was killed"
        if said == "saved":
            # Changes after the fork are not in the snapshot, and may have failed while it was written.
            error = self._journal_error or self._unwritten.error
        self._answered = asked
        self._has_failed = bool(error)
        self._tell({"failed": error} if error else {"saved": asked})

    def _journaled(self, put: Callable[[Any], tuple[int, Any, Any]]) -> Callable[[Any], tuple[int, Any, Any]]:
        """Wrap Kinesis's PutRecord or PutRecords so that records are on disk before the response."""
        find = require_attr(kinesis, "_resolve_stream")

        def putting(data: Any) -> tuple[int, Any, Any]:
            answer = put(data)
            if answer[0] < 300:
                stream = find(data)[1]
                body = json.loads(answer[2])
                places = [(one["ShardId"], one["SequenceNumber"]) for one in body.get("Records", [body])]
                self._append(_entries(stream, places))
            return answer

        return putting

    def _append(self, entries: Iterable[dict[str, Any]]) -> None:
        """Write entries to the journal. If that fails, it takes no more until the next snapshot."""
        if self._journal_error:
            return
        try:
            self._journal.append(entries)
        except OSError as error:
            # What they are about is in memory, and will be in the next snapshot that can be written.
            with self._reporting:
                self._journal_error = error.strerror or str(error)
                self._has_failed = True
                self._tell({"failed": self._journal_error})


def _close_sockets() -> None:
    """Close the inherited sockets, which would keep the parent's connections open and its port in use."""
    for name in os.listdir("/dev/fd"):
        with suppress(OSError):
            if stat.S_ISSOCK(os.fstat(int(name)).st_mode):
                os.close(int(name))


def _entries(stream: Any, places: list[tuple[str, str]]) -> list[dict[str, Any]]:
    """The journal entries of the records just put, which are the last ones of their shards."""
    records = {
        (shard, record["SequenceNumber"]): record
        for shard in {shard for shard, _ in places}
        for record in stream["shards"][shard]["records"][-len(places) :]
    }
    return [{"stream": stream["StreamARN"], "shard": place[0], "record": records[place]} for place in places]


def _has(records: list[dict[str, Any]], record: dict[str, Any]) -> bool:
    return bool(records) and bool(records[-1]["SequenceNumber"] >= record["SequenceNumber"])


def _never_go_back(last: Any) -> None:
    """Keep sequence numbers, which begin with the time, above restored ones even if the clock went back."""
    plain: Callable[[], str] = require_attr(kinesis, "_next_sequence_number")
    newest = max(last, default="")

    def following() -> str:
        number = plain()
        if number > newest:
            return number
        return f"{int(newest[:20]) + 1:020d}{number[20:]}"

    kinesis._next_sequence_number = following
