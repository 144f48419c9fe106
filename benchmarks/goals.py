"""The goals this service set itself, each with the figure of `results.json` beside it.

python -m benchmarks.goals
"""

from __future__ import annotations

import argparse
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import results
from benchmarks.all_in_use import BESIDE
from benchmarks.before import BARE, NOW
from benchmarks.destinations import DUE, MOVED, PAUSE, RATE
from benchmarks.figures import Row, table
from benchmarks.intake import BATCHES, SINGLE
from benchmarks.many_destinations import FAR, METRICS, PAGE, VIEW
from benchmarks.on_call import DIED
from benchmarks.schedules import AT_ONCE, STEADY, WAITING, YEAR
from benchmarks.tasks import DELAY, IMPORTED, SERVED
from benchmarks.views import MANY_TABS, VIEWS

_WORDS: Mapping[Callable[[float, float], bool], str] = {
    operator.ge: ">=",
    operator.le: "<=",
    operator.lt: "<",
    operator.eq: "=",
}


@dataclass(frozen=True)
class Goal:
    what: str
    part: str
    #: Values by which the row is found.
    row: Mapping[str, Any]
    column: str
    holds: Callable[[float, float], bool]
    bound: float

    def measured(self, parts: Mapping[str, Any]) -> float | None:
        for row in parts.get(self.part, {}).get("rows", ()):
            if self.row.items() <= row.items():
                found: float | None = row.get(self.column)
                return found
        return None


_DRAIN = {"pollers": 1, "timers": 50_000}
_MANY, _ONE = ("1,000 destinations with one hanging timer each", "10,000 hanging timers of one destination")
_MILLION = {"pending": 1_000_000, "each with": "neither"}
_STEADY_ALLOW, _STEADY_SKIP = ({"what": STEADY, "overlap": it} for it in ("allow", "skip"))
_AT_ONCE_ALLOW, _AT_ONCE_SKIP = ({"what": AT_ONCE, "overlap": it, "spread_s": 0} for it in ("allow", "skip"))
_SPREAD = {"what": AT_ONCE, "overlap": "allow", "spread_s": 60}
_BESIDE_BARE = {"what": SINGLE, "way": f"{NOW} / {BARE}"}
GOALS = (
    Goal("delivered a second on one core", "drain", _DRAIN, "per_second_of_poller_cpu", operator.ge, 15_000),
    Goal("CPU s per 1,000 delivered", "drain", _DRAIN, "poller_cpu_s_per_1000", operator.le, 0.06),
    Goal("lateness at 50 a second, p50 ms", "lateness", {"what": "50 a second"}, "p50_ms", operator.le, 1),
    Goal("lateness at 50 a second, p99 ms", "lateness", {"what": "50 a second"}, "p99_ms", operator.le, 2),
    Goal("lateness at 500 a second, p50 ms", "lateness", {"what": "500 a second"}, "p50_ms", operator.lt, 2),
    Goal("lateness at 500 a second, p99 ms", "lateness", {"what": "500 a second"}, "p99_ms", operator.lt, 4),
    Goal("set while asleep, p50 ms", "lateness", {"what": "set while asleep"}, "p50_ms", operator.le, 1),
    Goal("set while asleep, p99 ms", "lateness", {"what": "set while asleep"}, "p99_ms", operator.le, 2),
    Goal("2,000 a second, all in use, p99 ms", "all_in_use", {"what": BESIDE}, "p99_ms", operator.lt, 5),
    Goal("runs, 50 a second, allow, p99 ms", "schedules", _STEADY_ALLOW, "p99_ms", operator.lt, 4),
    Goal("runs, 50 a second, skip, p99 ms", "schedules", _STEADY_SKIP, "p99_ms", operator.lt, 8),
    Goal("100,000 runs at once, allow: last, s", "schedules", _AT_ONCE_ALLOW, "last_s", operator.le, 15),
    Goal("timers beside those, p99 ms", "schedules", _AT_ONCE_ALLOW, "beside_p99_ms", operator.lt, 10),
    Goal("100,000 runs at once, skip: last, s", "schedules", _AT_ONCE_SKIP, "last_s", operator.le, 15),
    Goal("timers beside those, skip, p99 ms", "schedules", _AT_ONCE_SKIP, "beside_p99_ms", operator.lt, 10),
    Goal("100,000 runs spread over 60 s, p99 ms", "schedules", _SPREAD, "p99_ms", operator.lt, 10),
    Goal(
        "100,000 schedules, none due, % of a core", "schedules", {"what": WAITING}, "together_percent", operator.lt, 1
    ),
    Goal("a year of a daily schedule, clock turned, s", "schedules", {"what": YEAR}, "seconds", operator.lt, 1),
    Goal("beside 1,000 that hang, p99 ms", "hang", {"case": _MANY}, "p99_ms", operator.lt, 50),
    Goal("beside 10,000 that hang, p99 ms", "hang", {"case": _ONE}, "p99_ms", operator.lt, 50),
    Goal(
        "10 a second, 4 pollers: % of that, least", "destinations", {"what": RATE}, "percent_of_rate", operator.ge, 99
    ),
    Goal("the same, at most", "destinations", {"what": RATE}, "percent_of_rate", operator.le, 101),
    Goal("last arrival after a pause, ms", "destinations", {"what": PAUSE}, "last_after_answer_ms", operator.lt, 2000),
    Goal(
        "beside 1,000 paused, a million due, p99 ms", "destinations", {"what": DUE}, "healthy_p99_ms", operator.lt, 50
    ),
    Goal("the same, moved, p99 ms", "destinations", {"what": MOVED}, "healthy_p99_ms", operator.lt, 50),
    Goal("a page of 10,000 destinations, p50 ms", "destinations", {"what": PAGE}, "p50_ms", operator.lt, 50),
    Goal("a page far on, p50 ms", "destinations", {"what": FAR}, "p50_ms", operator.lt, 50),
    Goal("the view of 10,000 destinations, p50 ms", "destinations", {"what": VIEW}, "p50_ms", operator.lt, 50),
    Goal("/metrics of 10,000 destinations, p50 ms", "destinations", {"what": METRICS}, "p50_ms", operator.lt, 100),
    Goal("POST /timers a second", "intake", {"what": SINGLE, "workers": 1}, "timers_per_second", operator.ge, 1500),
    Goal("the same beside bare Flask: CPU", "before", _BESIDE_BARE, "api_cpu_s_per_1000", operator.le, 1.8),
    Goal("the same beside bare Flask: rate", "before", _BESIDE_BARE, "timers_per_second", operator.ge, 0.55),
    Goal("POST /timers/batch", "intake", {"what": BATCHES, "workers": 1}, "timers_per_second", operator.ge, 15_000),
    Goal(".delay() of a task, p50 ms", "tasks", {"what": DELAY}, "p50_ms", operator.le, 1.5),
    Goal("a task served as WSGI, CPU p50 ms", "tasks", {"what": SERVED}, "p50_ms", operator.le, 0.15),
    Goal("import timer_service.tasks, p50 ms", "tasks", {"what": IMPORTED}, "p50_ms", operator.lt, 150),
    Goal("bytes a timer, Valkey", "memory", {"server": "valkey", **_MILLION}, "used_bytes", operator.le, 450),
    Goal("bytes a timer, Redis", "memory", {"server": "redis", **_MILLION}, "used_bytes", operator.le, 520),
    *(Goal(f"{view}: first paint, ms", "views", {"what": view}, "first_paint_ms", operator.lt, 150) for view in VIEWS),
    *(Goal(f"{view}: kB in all", "views", {"what": view}, "kilobytes", operator.le, 40) for view in VIEWS),
    *(Goal(f"{view}: p99 ms beside a million", "views", {"what": view}, "p99_ms", operator.lt, 100) for view in VIEWS),
    Goal("100 tabs of the page, % of a core", "views", {"what": MANY_TABS}, "api_percent", operator.lt, 3),
    Goal("a receiver dies: named by the page, s", "on_call", {"what": DIED}, "named_s", operator.lt, 5),
    Goal("the same, clicks until it is paused", "on_call", {"what": DIED}, "clicks", operator.eq, 1),
    Goal("the same, clicks that replay what failed", "on_call", {"what": DIED}, "replay_clicks", operator.eq, 2),
    Goal("idle, % of a core", "idle", {}, "together_percent", operator.lt, 1),
    Goal("kill -9 with 1,000 in flight: lost", "crash", {}, "lost", operator.eq, 0),
    Goal("repeated without a mark", "crash", {}, "repeated_unmarked", operator.eq, 0),
    Goal("all delivered again, s", "crash", {}, "recovered_s", operator.le, 12),
)


def compared(parts: Mapping[str, Any]) -> list[Row]:
    rows: list[Row] = []
    for goal in GOALS:
        measured = goal.measured(parts)
        met = None if measured is None else "yes" if goal.holds(measured, goal.bound) else "NO"
        rows.append(
            {"what": goal.what, "goal": f"{_WORDS[goal.holds]} {goal.bound:,g}", "measured": measured, "met": met}
        )
    return [*rows, *_flat(parts)]


def _flat(parts: Mapping[str, Any]) -> list[Row]:
    """The rate at the most pending timers, in percent of that at the fewest."""
    pending = parts.get("scale", {}).get("rows", ())
    rows: list[Row] = []
    for what in ("schedule", "claim"):
        rates = [row[f"{what}_per_second"] for row in pending if "absent" not in row]
        share = round(100 * rates[-1] / rates[0]) if len(rates) > 1 else None
        met = None if share is None else "yes" if share >= 80 else "NO"
        rows.append({"what": f"{what} rate, most pending to fewest, %", "goal": ">= 80", "measured": share, "met": met})
    return rows


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", type=Path, default=results.PATH, help="(%(default)s)")
    print(table(compared(results.load(parser.parse_args().results).get("parts", {}))))
