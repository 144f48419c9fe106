"""Pure: what destinations did not get, though nothing was in the way."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from itertools import pairwise
from math import inf

from tests.faults import held
from tests.faults.history import History, Hit, Verdict

#: Failures in a row by which a poller takes a destination for broken, if none of its answers of the last so many
#: seconds says otherwise.
_IN_A_ROW, _REMEMBERED = 10, 60.0
#: Seconds after an answer by which its poller has told the others, on a busy machine too.
_TOLD = 10.0


def left_free(history: History) -> Iterator[str]:
    """Nothing sent for long where a concurrency has a place, and a timer is due. Before the first attempt at a
    destination there may be no poller."""
    hits = held.by_destination(history)
    looked_at = max((it.at for it in history.snapshots), default=-inf)
    for limit in history.limits:
        if limit.concurrency is None:
            continue
        arrived = hits[limit.destination]
        waits = _waits(history, limit.destination, arrived)
        for number, (before, at) in enumerate(pairwise([*(it.at for it in arrived), looked_at]), 1):
            place = _place_since(arrived[:number], limit.concurrency)
            since = max(before, place, limit.start, min(waits[number:], default=inf))
            free_for = _undisturbed(since, min(at, limit.end), history, limit.destination)
            if free_for > history.bounds.free:
                yield f"a place at {limit.destination} was free for {free_for:.1f} s while a timer was due"


def _waits(history: History, destination: str, arrived: list[Hit]) -> list[float]:
    """When its timers were due: of each that was sent, in the place of its first attempt among all that arrived; of
    the others at the end."""
    due = {it.timer_id: it.due for it in history.creates if it.destination == destination and it.verdict is Verdict.OK}
    return [*(due.pop(hit.timer_id, inf) for hit in arrived), *due.values()]


def _place_since(arrived: list[Hit], most: int) -> float:
    """From when on fewer of these were under way than may be."""
    ends = sorted((it.until for it in arrived), reverse=True)
    return ends[most - 1] if len(ends) >= most else -inf


def _undisturbed(since: float, until: float, history: History, destination: str) -> float:
    """Seconds of the longest span in between that no fault touches, nor what follows from it, and no hold."""
    longest = 0.0
    faults = [(it.start, it.end + history.bounds.after_fault) for it in history.faults]
    for start, end in sorted([*faults, *held.holds(history, destination)]):
        longest = max(longest, min(start, until) - since)
        since = max(since, end)
    return max(longest, until - since)


def taken_for_broken(history: History) -> Iterator[str]:
    """A breaker that opened though the receiver answered: it was not away; no poller had all it sent there refused, or
    another had told it of an answer; and none stood still, which finds afterwards that nothing was answered in time.
    """
    hits = held.by_destination(history)
    for it in history.breaks:
        stopped = [(fault.start, fault.end) for fault in history.faults if fault.pollers or fault.kind == "starved"]
        away = [(outage.start, outage.end) for outage in history.outages if outage.destination == it.destination]
        is_explained = any(start <= it.at <= end + history.bounds.after_fault for start, end in stopped + away)
        seen = [hit for hit in hits[it.destination] if it.at - _REMEMBERED <= hit.at <= it.at]
        if not is_explained and not _all_failed(seen, others_count=_is_told(seen, history)):
            yield f"{it} though its receiver answered"


def _all_failed(hits: list[Hit], *, others_count: bool) -> bool:
    """Whether to one of the pollers these looked like a destination that fails. `others_count`: it was told that others
    are answered, and then what is refused says nothing."""
    statuses: dict[str | None, list[int]] = defaultdict(list)
    for hit in hits:
        statuses[hit.poller].append(hit.status)
    return any(
        len(it) >= _IN_A_ROW and not any(0 < status < 500 for status in it) and not (others_count and all(it))
        for it in statuses.values()
    )


def _is_told(hits: list[Hit], history: History) -> bool:
    """Whether one of the pollers was answered, and went on for long enough to tell it, with no fault meanwhile."""
    answered: dict[str | None, float] = {}
    for hit in hits:
        if 0 < hit.status < 500:
            answered.setdefault(hit.poller, hit.until)
        since = answered.get(hit.poller, inf)
        if hit.at >= since + _TOLD and _undisturbed(since, hit.at, history, "") == hit.at - since:
            return True
    return False
