"""Queue announcements for the webhooks that want them: each once, those of one order in their order."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence

import msgspec

from orderstream.pipeline.statements import Result
from orderstream.webhooks.announced_change import AnnouncedChange
from orderstream.webhooks.deliveries import Deliveries
from orderstream.webhooks.delivery import Delivery
from orderstream.webhooks.registry import Webhook

_Chain = deque[tuple[AnnouncedChange, bool]]


class Queued(msgspec.Struct):
    """What came of a batch: how many rows are new, of which webhooks, and what failed, and why."""

    new: int = 0
    webhooks: set[str] = msgspec.field(default_factory=set)
    failed: set[str] = msgspec.field(default_factory=set)
    problems: list[str] = msgspec.field(default_factory=list)


def queue(
    announcements: Sequence[AnnouncedChange],
    webhooks: Iterable[Webhook],
    deliveries: Deliveries,
    seconds_left: Callable[[], float],
    clock: Callable[[], float] = time.time,
) -> Queued:
    """Queue announcements for webhooks; `failed` are the sequence numbers of those that are to come again.

    When an order is erased, the content of its earlier deliveries is removed from every webhook, and only the
    erasure is delivered. Raises CloudError if the table cannot be used at all.
    """
    done = Queued()
    every = {webhook.id: webhook for webhook in webhooks}
    # An announcement is queued only when the one of the same order before it is: none can overtake another.
    chains = {
        (webhook_id, order_id): chain
        for order_id, ones in _by_order(announcements).items()
        for webhook_id, webhook in every.items()
        if (chain := _chain(ones, webhook))
    }
    while chains:
        heads = [(webhook_id, *chain.popleft()) for (webhook_id, _), chain in chains.items()]
        for webhook_id, one, _ in heads:
            if one.is_erasure:
                deliveries.erase(webhook_id, one.order_id, one.sequence_number, clock())
        wanted = [head for head in heads if every[head[0]].wants(head[1].kind)]
        now = clock()
        rows = [_delivery(webhook_id, one, now) for webhook_id, one, _ in wanted]
        results = deliveries.insert(rows, [is_void for _, _, is_void in wanted], seconds_left)
        for (webhook_id, one, is_void), executed in zip(wanted, results, strict=True):
            if executed.result is Result.RETRY:
                behind = chains.pop((webhook_id, one.order_id))
                done.failed |= {one.sequence_number, *(other.sequence_number for other, _ in behind)}
                done.problems.append(executed.message)
            elif executed.result is Result.REFUSED:
                done.problems.append(f"{one.event_id} was refused: {executed.message}")
            elif executed.result is Result.DONE and not is_void:
                done.new += 1
                done.webhooks.add(webhook_id)
        chains = {key: chain for key, chain in chains.items() if chain}
    return done


def _by_order(announcements: Sequence[AnnouncedChange]) -> dict[str, list[AnnouncedChange]]:
    found: dict[str, list[AnnouncedChange]] = {}
    for one in announcements:
        found.setdefault(one.order_id, []).append(one)
    return found


def _chain(ones: Sequence[AnnouncedChange], webhook: Webhook) -> _Chain:
    """What concerns a webhook of an order, each with whether an erasure that follows makes it void."""
    last = max((number for number, one in enumerate(ones) if one.is_erasure), default=0)
    seen: set[tuple[int, bytes]] = set()
    chain: _Chain = deque()
    for number, one in enumerate(ones):
        # The feed may repeat itself.
        if (one.version, one.body) not in seen and (one.is_erasure or webhook.wants(one.kind)):
            seen.add((one.version, one.body))
            chain.append((one, number < last))
    return chain


def _delivery(webhook_id: str, one: AnnouncedChange, now: float) -> Delivery:
    return Delivery(
        webhook_id=webhook_id,
        order_id=one.order_id,
        version=one.version,
        event_id=one.event_id,
        body=one.body,
        sequence_number=one.sequence_number,
        queued_at=now,
        due=now,
    )
