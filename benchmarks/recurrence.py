"""Which evaluators of cron expressions are right where clocks are turned: `python -m benchmarks.recurrence`.

Over every zone of the installed tzdata and all changes from 2020 to 2037; zones that change at the same moments by the
same offsets are tried once. At each change two expressions: a daily time in the middle of what is left out or repeated,
which is to fire once in the 24 hours around it, and `*/15 * * * *`, which is to keep its 900 seconds through it.
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import takewhile
from typing import NamedTuple
from zoneinfo import ZoneInfo

from scheduler.recurrence import ZONES, moments, zone_of
from scheduler.schedule import Plan

FIRST, LAST = datetime(2020, 1, 1, tzinfo=UTC), datetime(2038, 1, 1, tzinfo=UTC)
_MINUTE, _HALF_DAY, _WEEK = timedelta(minutes=1), timedelta(hours=12), timedelta(days=7)
#: Moments of one expression around one change; some evaluators stand still there.
_MOST = 200

#: The moments of an expression in a zone after a moment, in UTC.
Evaluator = Callable[[str, ZoneInfo, datetime], Iterator[datetime]]


class Change(NamedTuple):
    """The first minute with another offset than the minute before."""

    at: datetime
    before: timedelta
    after: timedelta

    @property
    def inside(self) -> datetime:
        """What a clock would show in the middle of what is left out or repeated."""
        shown = max(self.before, self.after) + min(self.before, self.after)
        return (self.at + shown / 2).replace(tzinfo=None, second=0)


def ours(cron: str, zone: ZoneInfo, after: datetime) -> Iterator[datetime]:
    plan = Plan(cron=cron, time_zone=zone.key)
    return (datetime.fromtimestamp(it.at / 1000, UTC) for it in moments(plan, int(after.timestamp()) * 1000))


def cronsim(cron: str, zone: ZoneInfo, after: datetime) -> Iterator[datetime]:
    from cronsim import CronSim

    return (it.astimezone(UTC) for it in CronSim(cron, after.astimezone(zone)))


def croniter(cron: str, zone: ZoneInfo, after: datetime) -> Iterator[datetime]:
    from croniter import croniter

    found = croniter(cron, after.astimezone(zone), ret_type=datetime)
    while True:
        yield found.get_next().astimezone(UTC)


def apscheduler(cron: str, zone: ZoneInfo, after: datetime) -> Iterator[datetime]:
    from apscheduler.triggers.cron import CronTrigger

    trigger = CronTrigger.from_crontab(cron, timezone=zone)
    last = None
    while (last := trigger.get_next_fire_time(last, last or after.astimezone(zone))) is not None:
        yield last.astimezone(UTC)


EVALUATORS: dict[str, Evaluator] = {
    "timer-service": ours,
    "cronsim": cronsim,
    "croniter": croniter,
    "APScheduler": apscheduler,
}


def changes_of(zone: ZoneInfo) -> Iterator[Change]:
    """Between two looks a week apart is at most one: the closest two are four weeks apart, around Ramadan."""
    at, offset = FIRST, _offset(FIRST, zone)
    while at < LAST:
        later = at + _WEEK
        if (changed := _offset(later, zone)) != offset:
            yield Change(_first_minute(at, later, zone), offset, changed)
            offset = changed
        at = later


def distinct_rules() -> dict[tuple[Change, ...], str]:
    """The changes of zones -> the first zone that has them."""
    found: dict[tuple[Change, ...], str] = {}
    for name in sorted(ZONES):
        if rules := tuple(changes_of(zone_of(name))):
            found.setdefault(rules, name)
    return found


def daily(evaluator: Evaluator, zone: ZoneInfo, change: Change) -> str:
    """`right`, `never` or `twice`."""
    inside = change.inside
    found = _around(evaluator, f"{inside.minute} {inside.hour} * * *", zone, change.at, _HALF_DAY)
    return {0: "never", 1: "right"}.get(len(found), "twice")


def quarters(evaluator: Evaluator, zone: ZoneInfo, change: Change) -> str:
    """`right` or `wrong`."""
    found = _around(evaluator, "*/15 * * * *", zone, change.at, timedelta(hours=2))
    begins = change.at - timedelta(hours=2)
    # Every offset since 2020 is a whole number of quarters, so they are the same for UTC.
    first = begins + timedelta(seconds=-begins.timestamp() % 900)
    expected = [first + timedelta(minutes=15 * number) for number in range(16)]
    return "right" if found == expected else "wrong"


def _around(evaluator: Evaluator, cron: str, zone: ZoneInfo, at: datetime, span: timedelta) -> list[datetime]:
    numbered = zip(range(_MOST), evaluator(cron, zone, at - span - _MINUTE), strict=False)
    return [it for _, it in takewhile(lambda pair: pair[1] < at + span, numbered)]


def _first_minute(before: datetime, after: datetime, zone: ZoneInfo) -> datetime:
    offset = _offset(before, zone)
    while after - before > _MINUTE:
        middle = before + (after - before) // _MINUTE // 2 * _MINUTE
        before, after = (middle, after) if _offset(middle, zone) == offset else (before, middle)
    return after


def _offset(at: datetime, zone: ZoneInfo) -> timedelta:
    return at.astimezone(zone).utcoffset() or timedelta(0)


def table(rules: dict[tuple[Change, ...], str]) -> Iterator[str]:
    yield "| evaluator | daily: right | never | twice | `*/15`: right | wrong | us a moment |"
    yield "|---|---|---|---|---|---|---|"
    for name, evaluator in EVALUATORS.items():
        counts: Counter[tuple[str, str]] = Counter()
        for number, (changes, zone) in enumerate(rules.items(), 1):
            for change in changes:
                counts["daily", daily(evaluator, zone_of(zone), change)] += 1
                counts["quarters", quarters(evaluator, zone_of(zone), change)] += 1
            if not number % 10:
                print(f"{name}: {number} of {len(rules)} sets of rules", file=sys.stderr)
        columns = [
            ("daily", "right"),
            ("daily", "never"),
            ("daily", "twice"),
            ("quarters", "right"),
            ("quarters", "wrong"),
        ]
        told = " | ".join(f"{counts[column]:,}" for column in columns)
        yield f"| {name} | {told} | {_microseconds(evaluator):.0f} |"


def _microseconds(evaluator: Evaluator) -> float:
    """Of the next moment of a daily time, as a scheduler asks, anew after each: the least of ten rounds."""
    zone, at, rounds = zone_of("Europe/Berlin"), FIRST, []
    for _ in range(10):
        began = time.perf_counter()
        for _ in range(50):
            at = next(evaluator("30 9 * * MON-FRI", zone, at))
        rounds.append((time.perf_counter() - began) / 50 * 1e6)
    return min(rounds)


def main() -> None:
    rules = distinct_rules()
    print(f"{len(ZONES)} zones, {len(rules)} sets of changes, {sum(map(len, rules))} changes", file=sys.stderr)
    for line in table(rules):
        print(line, flush=True)


if __name__ == "__main__":
    main()
