"""Execute PartiQL statements in batches of 25, with each response matched to its statement."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Sequence
from enum import Enum
from typing import Any

import msgspec

from orderstream.errors import CloudError
from orderstream.pipeline.concurrency import ParallelMap
from orderstream.pipeline.dynamo import MAX_CONSECUTIVE_FAILURES, PERMANENT, CallFailedError, execute
from orderstream.sdk.retries import TRANSIENT, backoff

STATEMENTS_PER_CALL = 25
# The size of the items in a call, as plain JSON. AWS documents no size limit for such a call; this one bounds
# the memory of concurrent calls.
BYTES_PER_CALL = 512 * 1024


# Renders the statement at an index: its text, and its parameters in DynamoDB JSON. Statements are rendered
# for each call, because all of them together would take several times the memory of the batch.
Render = Callable[[int], tuple[str, list[dict[str, Any]]]]


class Result(Enum):
    """What became of a statement. EXISTS: there is an item with this key; CHANGED: the condition is false."""

    DONE = "done"
    EXISTS = "exists"
    CHANGED = "changed"
    REFUSED = "refused"
    RETRY = "retry"


class Executed(msgspec.Struct, frozen=True):
    """The result of a statement; `message` is DynamoDB's (refused, retry)."""

    result: Result
    message: str = ""


_DONE = Executed(Result.DONE)
_RESULTS = {
    "DuplicateItem": Executed(Result.EXISTS),
    "ConditionalCheckFailed": Executed(Result.CHANGED),
}

# The result of a call: the error of each statement ({} for none), None if out of time, or why it failed.
_Answer = list[dict[str, Any]] | CloudError | CallFailedError | None


class Statements:
    """Executes statements with a botocore client; `table` names what errors are about.

    `each` decides how many calls run concurrently. `sleep` and `jitter` can be replaced.
    """

    def __init__(
        self,
        client: Any,
        table: str,
        *,
        each: ParallelMap = map,
        sleep: Callable[[float], None] = time.sleep,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self.client = client
        self.table = table
        self.each = each
        self._sleep = sleep
        self._jitter = jitter

    def on(self, table: str) -> Statements:
        """The same for another table of the same client."""
        return Statements(self.client, table, each=self.each, sleep=self._sleep, jitter=self._jitter)

    def execute(
        self, render: Render, sizes: Sequence[int], seconds_left: Callable[[], float]
    ) -> list[Executed]:
        """Execute statements as `rounds` does; return what became of each, in order."""
        found: dict[int, Executed] = {}
        for done in self.rounds(render, sizes, seconds_left):
            found |= done
        return [found[index] for index in range(len(sizes))]

    def rounds(
        self, render: Render, sizes: Sequence[int], seconds_left: Callable[[], float]
    ) -> Iterator[dict[int, Executed]]:
        """Execute a statement for each of `sizes` (bytes), about distinct items; yield the results by index.

        They are yielded after each round, and those of a later round replace a RETRY.

        Only throttled statements are tried again, with growing random pauses, while `seconds_left()` lasts;
        then their result is RETRY. So is that of all remaining ones if DynamoDB is down. Raises CloudError if
        the table cannot be used at all.
        """
        waiting: Sequence[int] = range(len(sizes))
        attempt = failed_calls = 0
        while waiting:
            again: list[int] = []
            found: dict[int, Executed] = {}
            chunks = list(_calls(waiting, sizes))
            answers = self._call_each(chunks, render, seconds_left, is_first=attempt == 0)
            for chunk, answer in zip(chunks, answers, strict=True):
                if not isinstance(answer, list):
                    message = str(answer or "out of time")
                    found |= {index: Executed(Result.RETRY, message) for index in chunk}
                    again += chunk if answer else ()
                    continue
                for index, error in zip(chunk, answer, strict=True):
                    found[index] = self._result(error) if error else _DONE
                    if found[index].result is Result.RETRY:
                        again.append(index)
            yield found
            failed_calls = _failed_in_a_row(answers, failed_calls)
            pause = self.pause(attempt)
            if again and (failed_calls >= MAX_CONSECUTIVE_FAILURES or pause >= seconds_left()):
                break
            if again:
                self.sleep(pause)
            waiting = again
            attempt += 1

    def pause(self, attempt: int) -> float:
        """The seconds to wait after so many attempts."""
        return backoff(attempt + 1, self._jitter())

    def sleep(self, seconds: float) -> None:
        """Wait."""
        self._sleep(seconds)

    def _call_each(
        self,
        chunks: Sequence[Sequence[int]],
        render: Render,
        seconds_left: Callable[[], float],
        *,
        is_first: bool,
    ) -> list[_Answer]:
        """Send each chunk in a call of its own; after a failed call, start no other."""
        failures: list[CloudError | CallFailedError] = []

        def send(numbered: tuple[int, Sequence[int]]) -> _Answer:
            number, chunk = numbered
            if failures:
                return failures[0]
            # The very first call is always made, so that there is progress.
            if seconds_left() <= 0 and not (is_first and number == 0):
                return None
            try:
                return self._call([render(index) for index in chunk])
            except (CloudError, CallFailedError) as failure:
                failures.append(failure)
                return failure

        answers = list(self.each(send, enumerate(chunks)))
        for failure in failures:
            if isinstance(failure, CloudError):
                raise failure
        return answers

    def _call(self, statements: Sequence[tuple[str, list[dict[str, Any]]]]) -> list[dict[str, Any]]:
        sent = [{"Statement": text, "Parameters": parameters} for text, parameters in statements]
        answer = execute(self.client, self.table, "batch_execute_statement", Statements=sent)
        return [response.get("Error", {}) for response in answer["Responses"]]

    def _result(self, error: dict[str, Any]) -> Executed:
        code = error.get("Code", "")
        if code in _RESULTS:
            return _RESULTS[code]
        if code in TRANSIENT:
            return Executed(Result.RETRY, code)
        if code in PERMANENT:
            return Executed(Result.REFUSED, error.get("Message", code))
        raise CloudError(f"table {self.table}: {code}: {error.get('Message', '')}")


def _failed_in_a_row(answers: Sequence[_Answer], before: int) -> int:
    """The number of consecutive failures after `before` earlier ones. Those of one round count once."""
    failures = [answer for answer in answers if isinstance(answer, CallFailedError)]
    if not failures:
        return 0
    if any(failure.unreachable for failure in failures):
        return MAX_CONSECUTIVE_FAILURES
    return 1 if any(isinstance(answer, list) for answer in answers) else before + 1


def _calls(indices: Sequence[int], sizes: Sequence[int]) -> Iterator[Sequence[int]]:
    """The indices for each call: within the limits of statements and bytes, or a single one."""
    begin = size = 0
    for place, index in enumerate(indices):
        if place - begin == STATEMENTS_PER_CALL or (size and size + sizes[index] > BYTES_PER_CALL):
            yield indices[begin:place]
            begin, size = place, 0
        size += sizes[index]
    yield indices[begin:]
