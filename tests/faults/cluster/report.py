"""What a cluster's faults cost, as a table."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tests.faults import checker
from tests.faults.history import Create, Fault, History, Verdict

_HEAD = (
    "| fault | times | lasted, s | creates refused | until, s | no answer | latest of its partitions, s "
    "| latest elsewhere, s | repeats marked |\n|---|---|---|---|---|---|---|---|---|"
)


@dataclass
class Cost:
    """Of all faults of one kind together. Seconds are the worst of them; creates are counted from its beginning."""

    times: int = 0
    lasted: float = 0.0
    refused: int = 0
    refused_until: float = 0.0
    unanswered: int = 0
    latest_within: float = 0.0
    latest_elsewhere: float = 0.0
    repeated: int = 0

    def row(self, kind: str) -> str:
        cells = [kind, self.times, f"{self.lasted:.1f}", self.refused, f"{self.refused_until:.1f}", self.unanswered]
        cells += [f"{self.latest_within:.2f}", f"{self.latest_elsewhere:.2f}", self.repeated]
        return f"| {' | '.join(map(str, cells))} |"


def table(history: History) -> str:
    costs: dict[str, Cost] = {}
    spans = list(_spans(history))
    for fault, until in spans:
        it = costs.setdefault(fault.kind, Cost())
        it.times += 1
        it.lasted = max(it.lasted, fault.end - fault.start)
        for create in history.creates:
            if fault.start <= create.start < until and create.verdict is not Verdict.OK:
                it.refused += create.verdict is Verdict.FAIL
                it.unanswered += create.verdict is Verdict.UNKNOWN
                it.refused_until = max(it.refused_until, create.end - fault.start)
    for create, partition, late in _lateness(history):
        touching = [fault for fault, until in spans if fault.start <= create.due + late and create.due < until]
        within = [fault for fault in touching if fault.touches(partition)]
        for fault in within[-1:]:
            costs[fault.kind].latest_within = max(costs[fault.kind].latest_within, late)
        for fault in touching if not within else ():
            if create.due <= fault.end:
                costs[fault.kind].latest_elsewhere = max(costs[fault.kind].latest_elsewhere, late)
    for before, again in checker.repeats(history):
        if before.accepted:
            kinds = [fault.kind for fault, until in spans if fault.start <= again.at and before.at < until]
            costs.setdefault(kinds[-1] if kinds else "(none)", Cost()).repeated += 1
    return "\n".join([_HEAD, *(costs[kind].row(kind) for kind in sorted(costs))])


def _spans(history: History) -> Iterator[tuple[Fault, float]]:
    """Each fault, and the moment until which what happens is put down to it."""
    faults = sorted(history.faults, key=lambda fault: fault.start)
    for fault, after in zip(faults, [*(it.start for it in faults[1:]), float("inf")], strict=True):
        yield fault, max(fault.end, min(after, fault.end + history.bounds.after_fault))


def _lateness(history: History) -> Iterator[tuple[Create, int | None, float]]:
    """Of each timer that was sent: its partition, and how late the first send was."""
    first: dict[str, float] = {}
    for hit in history.hits:
        first[hit.timer_id] = min(hit.at, first.get(hit.timer_id, hit.at))
    for create in history.creates:
        if create.timer_id in first:
            assert create.timer_id is not None
            yield create, history.partition_of(create.timer_id), first[create.timer_id] - create.due
