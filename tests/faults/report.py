"""What came of a run, as a table."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass

from tests.faults import checker
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
            ("failed, with a written reason", ends["failed"]),
            ("webhooks received", len(history.hits)),
            ("retries after a 500", retries),
            ("repeats explained by a fault", len(again) - retries - unexplained),
            ("repeats unexplained", unexplained),
            ("lost", broken[Rule.LOST]),
            ("early", broken[Rule.EARLY]),
            ("sent after a cancel", broken[Rule.SILENT]),
            ("other violations", sum(count for rule, count in broken.items() if rule not in _NAMED)),
        ]
        lines = [f"{name:<40}{value:>16}" for name, value in rows]
        lines.append(f"{'':<40}{'times':>8}{'worst lateness after it, s':>30}")
        worst, times = worst_lateness(history), Counter(fault.kind for fault in history.faults)
        lines += [f"{kind:<40}{times[kind] or '':>8}{worst[kind]:>30.2f}" for kind in sorted(worst)]
        lines += [str(violation) for violation in self.violations[:20]]
        return "\n".join(lines)


_NAMED = (Rule.ONCE, Rule.LOST, Rule.EARLY, Rule.SILENT)


def worst_lateness(history: History) -> dict[str, float]:
    """Kind of fault -> seconds from its end (or from due_at, if that is later) to the first send of what it touched."""
    first: dict[str, float] = {}
    for hit in history.hits:
        first[hit.timer_id] = min(hit.at, first.get(hit.timer_id, hit.at))
    worst: dict[str, float] = defaultdict(float, {fault.kind: 0.0 for fault in history.faults})
    faults = sorted(history.faults, key=lambda fault: fault.start)
    for create in history.creates:
        if create.timer_id not in first:
            continue
        at, kind, since = first[create.timer_id], "(no fault)", create.due
        for fault in faults:
            if fault.start <= at and create.due <= fault.end + history.bounds.after_fault:
                kind, since = fault.kind, max(create.due, fault.end)
        worst[kind] = max(worst[kind], at - since)
    return worst
