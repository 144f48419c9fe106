"""Pure: each moment of each schedule, and what became of it by the store and by the receivers."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

from tests.faults.history import Counts, History, Hit, Planned, Run, Verdict

#: ms: the store rounds the moments of ends up.
_ROUNDING = 2


@dataclass(slots=True)
class Account:
    """One schedule's."""

    schedule: Planned
    #: When the runs of its moments are due, ms; None: nobody was told when they begin, or nobody told it to end.
    due: range | None
    #: due_at -> ids of the runs, but those that were certainly made by hand.
    ids: dict[int, set[str]] = field(default_factory=lambda: defaultdict(set))

    @property
    def strangers(self) -> list[int]:
        """due_at of runs that belong to no moment."""
        return [] if self.due is None else sorted(at for at in self.ids if at not in self.due)

    @property
    def doubled(self) -> dict[int, set[str]]:
        return {at: ids for at, ids in self.ids.items() if len(ids) > 1}

    @property
    def unmade(self) -> list[int]:
        """due_at that the moments without a run would have."""
        return [] if self.due is None else [at for at in self.due if at not in self.ids]

    @property
    def lost(self) -> int:
        """Moments without a run that are not counted as skipped; below 0: more are counted than there were."""
        it = self.schedule
        if it.counts is None or it.ends_at is None:
            return 0
        skipped = sum(it.counts.skipped.values())
        needed = sum(not _is_within(at, it.maybe_ended) for at in self.unmade)
        return max(0, needed - skipped) or min(0, len(self.unmade) - skipped)


@dataclass(slots=True)
class Totals:
    """Of all schedules."""

    made: int = 0
    doubled: int = 0
    lost: int = 0
    skipped: Counter[str] = field(default_factory=Counter)


def totals(history: History) -> Totals:
    total = Totals()
    for account in _accounts(history):
        total.made += sum(map(len, account.ids.values()))
        total.doubled += sum(len(ids) - 1 for ids in account.ids.values())
        total.lost += max(0, account.lost)
        if account.schedule.counts is not None:
            total.skipped.update(account.schedule.counts.skipped)
    return total


def broken(history: History) -> Iterator[str]:
    hits: dict[str, list[Hit]] = defaultdict(list)
    for hit in history.hits:
        if hit.schedule is not None:
            hits[hit.schedule].append(hit)
    for account in _accounts(history):
        name = account.schedule.name
        for what in _broken(account, hits.pop(name, [])):
            yield f"{name}: {what}"
    for name in hits:
        yield f"{name}: runs of a schedule that nobody set"


def _accounts(history: History) -> Iterator[Account]:
    accounts = {schedule.name: Account(schedule, _due(schedule)) for schedule in history.schedules}
    for account in accounts.values():
        for run in account.schedule.runs:
            if run.timer_id not in account.schedule.fired:
                account.ids[run.due_at].add(run.timer_id)
    for hit in history.hits:
        known = accounts.get(hit.schedule or "")
        if known is not None and hit.timer_id not in known.schedule.fired:
            known.ids[hit.due_at].add(hit.timer_id)
    yield from accounts.values()


def _due(it: Planned) -> range | None:
    """Reckoned from what a client was told first, and not from what the store has made of it."""
    if it.verdict is not Verdict.OK:
        return None
    if it.deleted is not None:
        last = it.deleted_at - it.offset
    elif it.ends_at is not None:
        last = it.ends_at
    else:
        return None
    first = it.starts_at + max(0, (it.created_at - it.starts_at) // it.every + 1) * it.every
    return range(first + it.offset, last + it.offset + 1, it.every)


def _broken(account: Account, hits: list[Hit]) -> Iterator[str]:
    it = account.schedule
    due = defaultdict(set)
    for at, ids in account.ids.items():
        for timer_id in ids:
            due[timer_id].add(at)
    for timer_id, moments in due.items():
        if len(moments) > 1:
            yield f"{timer_id} is the run of {len(moments)} moments: {sorted(moments)}"
    if len(doubled := account.doubled) > it.maybe_fired:
        yield f"moments with several runs: {doubled}"
    if len(strangers := account.strangers) > it.maybe_fired:
        yield f"runs that belong to no moment of it: {strangers}"
    if not it.maybe_fired and (paused := sorted(at for at in account.ids if _is_within(at, it.pauses))):
        yield f"runs of moments in a pause: {paused}"
    accepted = {hit.timer_id for hit in hits if hit.accepted}
    for run in it.runs:
        yield from _unfinished(it, run, accepted)
    if it.counts is not None:
        if it.deleted is Verdict.OK:
            yield "deleted, and still there"
        elif it.verdict is Verdict.OK and it.ends_at is not None and it.deleted is None:
            yield from _miscounted(account, it.counts)
    elif it.verdict is Verdict.OK and it.deleted is None:
        yield "acknowledged, and the store does not know it"
    if it.overlap != "allow":
        yield from _overlapping(it, hits)


def _is_within(at: int, spans: tuple[tuple[int, int], ...]) -> bool:
    return any(start < at < end for start, end in spans)


def _unfinished(it: Planned, run: Run, accepted: set[str]) -> Iterator[str]:
    """A run is lost like any timer: its failures have reasons, and these the rule of timers looks at by `ends`."""
    if run.status == "delivered":
        if run.timer_id not in accepted:
            yield f"{run} is delivered, and no receiver knows of it"
    elif run.status == "cancelled":
        if it.overlap != "replace" and it.deleted is None:
            yield f"{run} was cancelled by nobody"
    elif run.status != "failed":
        yield f"{run} has not ended"


def _miscounted(account: Account, counts: Counts) -> Iterator[str]:
    it, skipped = account.schedule, Counter(counts.skipped)
    if not counts.has_ended:
        yield "its last moment is over, and it has not ended"
    if account.lost > 0:
        yield f"{account.lost} moments lost, skipped {dict(skipped)}, of those without a run: {account.unmade}"
    if account.lost < 0:
        yield f"{-account.lost} moments counted twice, skipped {dict(skipped)}, without a run: {account.unmade}"
    by_hand = sum(run.timer_id in it.fired for run in it.runs)
    if not len(it.runs) - by_hand - it.maybe_fired <= counts.runs <= len(it.runs) - by_hand:
        yield f"the store counts {counts.runs} runs of moments, and has {len(it.runs) - by_hand}"
    if not len(it.fired) <= counts.fired <= len(it.fired) + it.maybe_fired:
        yield f"the store counts {counts.fired} runs by hand, and there were {len(it.fired)}"
    for reason, holds in (
        ("overlap", it.overlap != "allow"),
        ("missed", it.catch_up != "all" or it.was_paused),  # with a resume that makes up for less
        ("paused", it.was_paused),
        ("gap", False),  # intervals have none
    ):
        if skipped[reason] and not holds:
            yield f"{skipped[reason]} moments skipped as {reason}, which cannot be"
    explained = sum(_is_overlapped(it, due) for due in account.unmade)
    if skipped["overlap"] > explained:
        yield f"{skipped['overlap']} moments skipped as overlap, and at {explained} an earlier run was unfinished"


def _is_overlapped(it: Planned, due: int) -> bool:
    """Whether a run may have been unfinished when a moment was looked at: as it fell due, or later, so that one by hand
    that was made meanwhile counts too."""
    return any(
        (run.due_at < due or run.timer_id in it.fired or it.maybe_fired)
        and (run.ended_at is None or run.ended_at >= due)
        for run in it.runs
    )


def _overlapping(it: Planned, hits: list[Hit]) -> Iterator[str]:
    """Runs that were sent before an earlier one had ended. Those by hand may be, but others wait for them too."""
    sent: dict[str, float] = {}
    for hit in hits:
        sent[hit.timer_id] = min(1000 * hit.at, sent.get(hit.timer_id, 1000 * hit.at))
    earlier: list[Run] = []
    for run in sorted(it.runs, key=lambda run: run.due_at):
        at = sent.get(run.timer_id)
        if at is not None and run.timer_id not in it.fired and not it.maybe_fired:
            for before in earlier:
                if before.ended_at is not None and before.ended_at > at + _ROUNDING:
                    yield f"{run} was sent while {before} was unfinished"
        earlier = [before for before in (*earlier, run) if before.ended_at is None or before.ended_at > run.due_at]
