"""Whether discarded batches are waiting for a redrive, without listing all of them."""

from __future__ import annotations

from orderstream.aws.deployment import Deployment
from orderstream.domain.object_keys import DISCARDED, key_of_marked
from orderstream.monitoring.health import DeadLetterBacklog
from orderstream.recovery.dead_letters import redrive_markers
from orderstream.storage import bucket

# The keys in one request; once one of them is waiting, that is enough.
A_LISTING = 1_000
# With more than this, all of them redriven, `orders dead-letters` is needed to find out.
MOST_LOOKED_AT = 5_000


def count_pending(
    deployment: Deployment, a_listing: int = A_LISTING, most: int = MOST_LOOKED_AT
) -> DeadLetterBacklog:
    """Count batches not yet redriven among the first `a_listing` keys, or among `most` if none is there.

    `since` is the earliest of those counted; keys are sorted by shard.
    """
    marks = redrive_markers(deployment)
    mark = next(marks, None)
    batches, since = 0, None
    for number, entry in enumerate(bucket.list_prefix(deployment.discarded, DISCARDED)):
        if number >= (a_listing if batches else most):
            return DeadLetterBacklog(batches, since, more=True)
        # Both listings are in key order.
        while mark is not None and key_of_marked(mark.key) < entry.key:
            mark = next(marks, None)
        if mark is None or key_of_marked(mark.key) != entry.key:
            batches += 1
            since = min(since or entry.modified, entry.modified)
    return DeadLetterBacklog(batches, since, more=False)
