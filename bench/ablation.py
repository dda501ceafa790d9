"""What each choice in the function's path bought: the same batch with the choice undone, and with it.

Runs in the function's artifact, with the stub as AWS: `bench/ablation.py PROJECT ARTIFACT PROCESSOR SIZE`
prints choices with `before` and `after`, µs an order of `what` (cpu or wall), medians of rounds, in JSON.
"""

import json
import os
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from statistics import median
from typing import Any

ORDERS = 1000
ROUNDS = 7


class Context:
    """What Lambda tells a handler about its invocation."""

    aws_request_id = "c5a1b1d2-9d2f-4b0c-8a57-0f2c1c1d9a11"

    def get_remaining_time_in_millis(self) -> int:
        """Time enough."""
        return 60_000


def measure(size: int) -> list[dict[str, Any]]:
    """Every choice, one after another; of the first ones each stands on those before it."""
    from bench.events import traffic
    from orderstream.pipeline.lambda_handler import handle_with
    from orderstream.pipeline.services import Services

    text = traffic(ORDERS, size, seed=1).event

    def cost(use: Services, clock: Callable[[], float]) -> float:
        event = json.loads(text)
        begin = clock()
        answer = handle_with(use, event, Context(), cold=False)
        spent = clock() - begin
        assert answer == {"batchItemFailures": []}
        return spent / ORDERS * 1e6

    found = []
    for name, what, before, after in _choices():
        clock = time.process_time if what == "cpu" else time.perf_counter
        _latency(5 if what == "wall" else 0, 20 if what == "wall" else 0)
        costs: tuple[list[float], list[float]] = ([], [])
        for number in range(ROUNDS + 1):
            for make, into in zip((before, after), costs, strict=True):
                use, undo = make()
                spent = cost(use, clock)
                undo()
                # The first round warms up and does not count.
                if number:
                    into.append(spent)
        found.append({"choice": name, "what": what, "before": median(costs[0]), "after": median(costs[1])})
    return found


Make = Callable[[], tuple[Any, Callable[[], object]]]


def _choices() -> Iterator[tuple[str, str, Make, Make]]:
    import botocore.session
    from botocore.config import Config
    from msgspec.structs import replace

    from orderstream.pipeline import archive_codec, botocore_codec, services
    from orderstream.pipeline.table import OrderTable

    now = services.services()

    def client(*, is_light: bool, **options: Any) -> Any:
        config = services.CONFIG.merge(Config(**options))
        made = botocore.session.get_session().create_client("dynamodb", config=config)
        if is_light:
            botocore_codec.use_msgspec(made)
        return made

    def using(dynamodb: Any, each: Any = now.table.each) -> Make:
        use = replace(now, table=OrderTable(dynamodb, now.settings.table, each=each))
        return lambda: (use, lambda: None)

    def with_level(level: int) -> Make:
        def make() -> tuple[Any, Callable[[], object]]:
            before, archive_codec.COMPRESS_LEVEL = archive_codec.COMPRESS_LEVEL, level
            return now, lambda: setattr(archive_codec, "COMPRESS_LEVEL", before)

        return make

    own_agent = {"user_agent": None}
    checked = client(is_light=False, parameter_validation=True, **own_agent)
    unchecked = client(is_light=False, **own_agent)
    named = client(is_light=False)
    light = client(is_light=True)
    yield "parameters not validated by the SDK", "cpu", using(checked), using(unchecked)
    yield "a user agent that is ready", "cpu", using(unchecked), using(named)
    yield "rendered and read by msgspec", "cpu", using(named), using(light)
    yield "gzip at level 1 instead of 6", "cpu", with_level(6), with_level(1)
    yield "calls in threads, 5 ms each", "wall", using(light, map), using(light)


def _latency(table_ms: int, bucket_ms: int) -> None:
    url = f"{os.environ['AWS_ENDPOINT_URL']}/_begin?table_ms={table_ms}&bucket_ms={bucket_ms}"
    urllib.request.urlopen(urllib.request.Request(url, method="PUT")).close()


def main() -> None:
    """Measure on one processor."""
    project, artifact, processor, size = sys.argv[1:5]
    os.sched_setaffinity(0, {int(processor)})
    sys.path[:0] = [artifact, project]
    out = os.fdopen(os.dup(1), "w")
    # The function's log goes nowhere.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    json.dump(measure(int(size)), out)


if __name__ == "__main__":
    main()
