"""Whether discarded batches are waiting for a redrive, without listing all of them."""

from __future__ import annotations

from heapq import merge

from orderstream.aws.clients import AwsClients
from orderstream.aws.stack import Stack
from orderstream.monitoring.health import DeadLetterBacklog
from orderstream.recovery.dead_letters import DONE, PREFIX, places, redrive_markers
from orderstream.storage import bucket

# The keys in one request; once one of them is waiting, that is enough.
A_LISTING = 1_000
# With more than this, all of them redriven, `orders dead-letters` is needed to find out.
MOST_LOOKED_AT = 5_000


def count_pending(
    cloud: AwsClients, stack: Stack, a_listing: int = A_LISTING, most: int = MOST_LOOKED_AT
) -> DeadLetterBacklog:
    """Count batches not yet redriven among the first `a_listing` keys, or among `most` if none is there.

    `since` is the earliest of those counted; keys are sorted by shard.
    """
    marks = redrive_markers(cloud, stack)
    mark = next(marks, None)
    batches, since = 0, None
    listings = (bucket.list_prefix(cloud, place, PREFIX) for place in places(stack))
    for number, entry in enumerate(merge(*listings, key=lambda entry: entry.key)):
        if number >= (a_listing if batches else most):
            return DeadLetterBacklog(batches, since, more=True)
        # All listings are in key order.
        while mark is not None and mark.key.removeprefix(DONE) < entry.key:
            mark = next(marks, None)
        if mark is None or mark.key.removeprefix(DONE) != entry.key:
            batches += 1
            since = min(since or entry.modified, entry.modified)
    return DeadLetterBacklog(batches, since, more=False)
