"""Pure: what limits destinations, and what holds them, against what arrived there."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from itertools import pairwise
from math import inf

from tests.faults.history import Fault, History, Hit, Limit, Outage

#: Seconds after a pause was answered from which on nothing may arrive; a break is known everywhere by then too.
SILENT_AFTER = 2.0
#: Seconds from one second's attempt to full speed, and of the first and the longest wait between two probes.
SLOW_START, _FIRST_PROBE, _LAST_PROBE = 16.0, 5.0, 60.0
#: Seconds before a fault in which what it stops may have been granted, and after it until that has arrived.
_BEFORE, _AFTER = 1.0, 2.0


def over_limits(history: History) -> Iterator[str]:
    """More at a destination than its rate or its concurrency allows."""
    hits = by_destination(history)
    for limit in history.limits:
        since = limit.start + history.bounds.bunched
        meant = [it for it in hits[limit.destination] if since <= it.at <= limit.end and not _stopped(it, history)]
        if limit.rate is not None:
            yield from _too_many(meant, limit, limit.rate, history.bounds.bunched)
        if limit.concurrency is not None:
            yield from _too_many_at_once(meant, limit, limit.concurrency)


def _too_many(hits: list[Hit], limit: Limit, rate: float, bunched: float) -> Iterator[str]:
    """Of all windows that end with a hit the worst is the one that begins where hits were furthest behind the rate."""
    furthest, first = 0.0, 0
    for number, hit in enumerate(hits):
        behind = number - rate * hit.at
        if number == 0 or behind < furthest:
            furthest, first = behind, number
        window, count = hit.at - hits[first].at, number - first + 1
        if count > limit.burst + rate * (window + bunched):
            yield f"{count} attempts in {window:.2f} s at {rate:g} a second, burst {limit.burst}: the last is {hit}"
            return  # what follows is in the same window


def _too_many_at_once(hits: list[Hit], limit: Limit, most: int) -> Iterator[str]:
    under_way: list[Hit] = []
    for hit in hits:
        under_way = [it for it in under_way if it.until > hit.at] + [hit]
        if len(under_way) > most:
            yield f"{len(under_way)} under way where {most} may be: {hit}"


def not_held(history: History) -> Iterator[str]:
    """What arrived though its destination was paused; and an attempt that was counted though none was made."""
    hits = by_destination(history)
    for pause in history.pauses:
        for hit in hits[pause.destination]:
            late = pause.start + SILENT_AFTER + history.bounds.bunched < hit.at < pause.end
            if late and not _stopped(hit, history):
                yield f"{hit.at - pause.start:.1f} s after a pause was answered: {hit}"
    limited = {it.destination for it in history.limits} | {it.destination for it in history.pauses}
    timers: dict[str, list[Hit]] = defaultdict(list)
    for destination in limited - {it.destination for it in history.outages}:
        for hit in hits[destination]:
            timers[hit.timer_id].append(hit)
    for attempts in timers.values():
        for before, again in pairwise(sorted(attempts, key=lambda hit: hit.attempt)):
            if again.attempt > before.attempt + 1 and again.redelivery == "retry":
                yield f"attempts between {before.attempt} and {again.attempt} were never made: {again}"


def not_probed(history: History) -> Iterator[str]:
    """Of a destination that is broken: several requests at once, no recovery, or one that is too fast."""
    hits = by_destination(history)
    for outage in history.outages:
        if outage.broken_at is None:
            continue
        arrived = hits[outage.destination]
        back = next((it for it in arrived if it.at >= outage.end and it.accepted), None)
        known_at = outage.broken_at + SILENT_AFTER + history.bounds.bunched
        probes = [it for it in arrived if known_at <= it.at and (back is None or it.at < back.until)]
        for before, again in pairwise(probes):
            if again.at < before.until and not _stopped(before, history):
                yield f"two probes under way: {before}, {again}"
        waited = any(
            it.timer_id and it.destination == outage.destination and outage.broken_at < it.due < outage.end
            for it in history.creates
        )
        until = allowed_until(outage.end + _probed_within(outage), history)
        if waited and (back is None or back.at > until):
            yield f"not tried again by {until - outage.end:.1f} s after it was back: {outage}"
        if back is not None:
            yield from _too_fast(back.until, [it.at for it in arrived if it.at > back.until], history.bounds.bunched)


def not_spared(history: History) -> Iterator[str]:
    """What came too fast after a pause at whose end the destination was to go on slowly."""
    hits = by_destination(history)
    for pause in history.pauses:
        if not pause.slow:
            continue
        others = (it.asked for it in history.pauses if it.destination == pause.destination and it.asked > pause.asked)
        until = min(others, default=inf)
        meant = [it for it in hits[pause.destination] if pause.end < it.at < until and not _stopped(it, history)]
        yield from _too_fast(pause.end, [it.at for it in meant], history.bounds.bunched)


def _too_fast(back_at: float, later: list[float], bunched: float) -> Iterator[str]:
    """One in the first second, twice as many in each that follows; no more than twice that."""
    for count, at in enumerate(later, 1):
        passed = at - back_at
        if passed > SLOW_START:
            return
        if count > 2 ** (passed + bunched + 1):
            yield f"{count} within {passed:.2f} s after it was back"
            return


def allowed_until(due: float, history: History, destination: str = "", partition: int | None = None) -> float:
    """The moment by which what is due then has to be sent: every fault that touches the wait prolongs it, unless only
    other partitions were touched, and so does every hold of its destination."""
    until = due + history.bounds.late
    spans = [
        (fault.start, fault.end + history.bounds.after_fault) for fault in history.faults if fault.touches(partition)
    ]
    for start, healed in sorted([*spans, *holds(history, destination)]):
        if start <= until and healed >= due:
            until = max(until, healed)
    return until


def in_turn(history: History) -> dict[int, float]:
    """Of timers to destinations with a limit: by their numbers when they have to be sent, one after another."""
    attempts: dict[int, int] = defaultdict(int)
    for hit in history.hits:
        attempts[hit.number] += 1
    found: dict[int, float] = {}
    for destination in {limit.destination for limit in history.limits}:
        each = max(limit.each for limit in history.limits if limit.destination == destination)
        last = 0.0
        for create in sorted(history.creates, key=lambda create: create.due):
            if create.destination == destination:
                last = max(last, allowed_until(create.due, history, destination))
                found[create.number] = last
                last += each * max(1, attempts[create.number])
    return found


def holds(history: History, destination: str) -> Iterator[tuple[float, float]]:
    """Spans in which timers of this destination wait, the slow start after each included."""
    if not destination:
        return
    for pause in history.pauses:
        if pause.destination == destination:
            yield pause.asked, pause.over + SLOW_START
    for outage in history.outages:
        if outage.destination == destination:
            yield outage.start, outage.end + _probed_within(outage) + 2 * history.bounds.lease + SLOW_START
    for it in history.breaks:
        if it.destination == destination:
            yield it.at, it.at + _FIRST_PROBE + 2 * history.bounds.lease + SLOW_START


def _probed_within(outage: Outage) -> float:
    """Seconds from its end to the next probe: each wait is twice the one before."""
    return min(_LAST_PROBE, _FIRST_PROBE + outage.end - outage.start)


def _stopped(hit: Hit, history: History) -> bool:
    """Whether its poller, or the receiver, stood still between the permit and the arrival: one too many, then."""
    return any(_touches(fault, hit) for fault in history.faults)


def _touches(fault: Fault, hit: Hit) -> bool:
    is_receiver = fault.kind == "starved" and not fault.pollers
    return (hit.poller in fault.pollers or is_receiver) and fault.start - _BEFORE <= hit.at <= fault.end + _AFTER


def by_destination(history: History) -> dict[str, list[Hit]]:
    found: dict[str, list[Hit]] = defaultdict(list)
    for hit in sorted(history.hits, key=lambda hit: hit.at):
        found[hit.destination].append(hit)
    return found
