"""What came of a run, as a table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from tests.faults import checker, runs
from tests.faults.checker import Rule, Violation
from tests.faults.history import History, Verdict


@dataclass(frozen=True)
class Report:
    history: History
    violations: list[Violation]

    def __str__(self) -> str:
        history, broken = self.history, Counter(violation.rule for violation in self.violations)
        ends = Counter(history.ends.values())
        verdicts = Counter(create.verdict for create in history.creates)
        again = list(checker.repeats(history))
        retries = sum(not before.accepted for before, _ in again)
        unexplained = broken[Rule.ONCE]
        rows: list[tuple[str, object]] = [
            ("timers acknowledged", verdicts[Verdict.OK]),
            ("creates refused / without an answer", f"{verdicts[Verdict.FAIL]} / {verdicts[Verdict.UNKNOWN]}"),
            ("delivered", ends["delivered"]),
            ("cancelled", ends["cancelled"]),
            (
                "failed, with a written reason",
                " ".join(map(str, [ends["failed"], *sorted(set(history.reasons.values()))])),
            ),
            ("webhooks received", len(history.hits)),
            ("retries after a failure", retries),
            ("repeats explained by a fault", len(again) - retries - unexplained),
            ("repeats unexplained", unexplained),
            ("lost", broken[Rule.LOST]),
            ("early", broken[Rule.EARLY]),
            ("sent after a cancel", broken[Rule.SILENT]),
            *_of_schedules(history),
            *_of_destinations(history),
            *((f"violations of {rule.name}", count) for rule, count in broken.items() if rule not in _NAMED),
        ]
        lines = [f"{name:<40}{value:>16}" for name, value in rows]
        lines.append(
            f"{'fault':<24}{'times':>6}{'worst lateness, s: after due':>32}"
            f"{'after its end':>16}{'repeat after its end':>24}"
        )
        for kind, worst in sorted(worst_lateness(history).items()):
            times = sum(fault.kind == kind for fault in history.faults)
            lines.append(f"{kind:<24}{times or '':>6}{worst.due:>32.2f}{worst.end:>16.2f}{worst.repeat:>24.2f}")
        return "\n".join([*lines, *self._some_of_each()])

    def _some_of_each(self) -> Iterator[str]:
        told: Counter[Rule] = Counter()
        for it in self.violations:
            told[it.rule] += 1
            if told[it.rule] <= _MOST_TOLD:
                yield str(it)


#: Violations of one rule that are written out.
_MOST_TOLD = 8
_NAMED = (Rule.ONCE, Rule.LOST, Rule.EARLY, Rule.SILENT)


def _of_schedules(history: History) -> list[tuple[str, object]]:
    if not history.schedules:
        return []
    total = runs.totals(history)
    return [
        ("schedules / fired by hand", f"{len(history.schedules)} / {sum(len(it.fired) for it in history.schedules)}"),
        ("runs made of their moments", total.made),
        ("moments with several runs", total.doubled),
        ("moments lost", total.lost),
        *((f"moments skipped: {reason}", count) for reason, count in sorted(total.skipped.items())),
    ]


def _of_destinations(history: History) -> list[tuple[str, object]]:
    if not history.limits:
        return []
    limited = {it.destination for it in history.limits} | {it.destination for it in history.pauses}
    limited |= {it.destination for it in history.outages}
    opened = sum(it.broken_at is not None for it in history.outages)
    return [
        ("limits set / pauses", f"{len(history.limits)} / {len(history.pauses)}"),
        ("receivers away / breakers opened", f"{len(history.outages)} / {opened}"),
        ("breakers opened though receivers answer", len(history.breaks)),
        ("webhooks to these destinations", sum(hit.destination in limited for hit in history.hits)),
    ]


@dataclass
class Worst:
    """Seconds to the first send, from due_at and from the end of the fault; and from that end to a repeat."""

    due: float = 0.0
    end: float = 0.0
    repeat: float = 0.0


def worst_lateness(history: History) -> dict[str, Worst]:
    """By kind of fault. Of several faults that a timer's wait overlaps, the last counts."""
    worst: dict[str, Worst] = {fault.kind: Worst() for fault in history.faults}
    faults = sorted(history.faults, key=lambda fault: fault.start)
    first: dict[str, float] = {}
    for hit in history.hits:
        first[hit.timer_id] = min(hit.at, first.get(hit.timer_id, hit.at))
    for create in history.creates:
        if create.timer_id in first:
            at = first[create.timer_id]
            touching = [it for it in faults if it.start <= at and create.due <= it.end + history.bounds.after_fault]
            it = worst.setdefault(touching[-1].kind if touching else "(none)", Worst())
            it.due = max(it.due, at - create.due)
            it.end = max(it.end, at - max([create.due] + [fault.end for fault in touching[-1:]]))
    for before, again in checker.repeats(history):
        for fault in faults:
            if before.accepted and checker.excused(before, (fault,)):
                worst[fault.kind].repeat = max(worst[fault.kind].repeat, again.at - fault.end)
    return worst
