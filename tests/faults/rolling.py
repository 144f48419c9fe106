"""`make rolling OLD=<commit>`: one version is rolled in beside another on one store, under load, and out again.

First the old version runs alone, then the new one's pollers join and the old ones leave, each API is replaced on its
port, and then the same backwards. Nothing may be lost, sent twice without a mark, failed, or late by more than a lease;
and a timer of a later format, planted among them, waits for who can read it. No timer asks for what the old version's
API may refuse: a priority, an expiry. Schedules are set by an API of the new version from the beginning on: each moment
has one run or is counted, whichever version sends and ends that. While both are there, timers ask for callbacks.
"""

from __future__ import annotations

import argparse
import contextlib
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from scheduler import Callback
from tests.bench.session import no_process_left
from tests.faults.checker import check
from tests.faults.field import Field, Member
from tests.faults.history import Bounds, History
from tests.faults.later import Later
from tests.faults.load import Load, Mix
from tests.faults.report import Report
from tests.faults.schedule_kinds import KINDS
from tests.faults.schedule_load import ScheduleLoad
from tests.faults.starved import Starved

#: Seconds.
LEASE = 3.0
#: The first number of timers that ask for callbacks; those of schedules begin below.
_CALLBACKS = 3 * 10**9
#: Where the runs of a schedule are looked up. Those that a version sent which knows none are not taken out of it
#: when they are forgotten, but by looks at the schedule, which has ended by then.
_OF_RUNS = re.compile(r":(runs|open):[^:]+$")
#: Of schedules: those whose runs do not fail.
_KINDS = tuple(it for it in KINDS if it.pause_after_failures is None)
ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Plan:
    """Trees of the two versions; None is the one that runs this."""

    old: Path | None = None
    new: Path | None = None
    #: Of each version, side by side with as many of the other.
    pollers: int = 2
    apis: int = 2
    #: Seconds for which each stage is left alone.
    pause: float = 5.0
    #: Seconds that a timer may be late.
    late: float = LEASE
    #: Timers of later formats of each kind.
    later: int = 20


def roll(folder: Path, plan: Plan, mix: Mix, seed: int = 1) -> Report:
    """Raises AssertionError for what became of timers of a later format; the report tells of all others."""
    field = Field(folder, Bounds(lease=LEASE, late=plan.late))
    try:
        later = Later(field, plan.later)
        crew = [field.join(tree=plan.old) for _ in range(plan.pollers)]
        apis = [(field.open_api(tree=plan.old), field.url) for _ in range(plan.apis)]
        load = Load(field, [url for _, url in apis], replace(mix, urgent=0, expiring=0), seed)
        starved = Starved(field).start()
        load.start()
        field.open_api(tree=plan.new)
        schedules = ScheduleLoad(field, [field.url], seed, kinds=_KINDS, rate=1)
        schedules.start()
        time.sleep(plan.pause)
        for is_back, tree in enumerate((plan.new, plan.old)):
            later.plant(seconds=plan.pause)
            crew = _replace(field, crew, tree)
            for number, (part, url) in enumerate(apis):
                assert part.stop() == 0, part.output()
                apis[number] = (field.open_api(int(url.rpartition(":")[2]), tree=tree), url)
            if not is_back:
                _ask_for_callbacks(field, plan.pause / 2)
            time.sleep(plan.pause)
        load.stop()
        # For the last runs of schedules, of which the old version may know nothing.
        field.join(tree=plan.new)
        schedules.stop()
        later.check_that_all_wait(apis[0][1])
        field.settled(field.bounds.after_fault + 30)
        starved.stop()
        history = _with_names_of_runs(field.history())
        if plan.old != plan.new:
            history = replace(history, left=tuple(key for key in history.left or () if not _OF_RUNS.search(key)))
        return Report(history, check(history))
    finally:
        field.remove()


def _ask_for_callbacks(field: Field, seconds: float) -> None:
    """By timers that fall due within so many seconds, and arrive or fail."""
    told = Callback(field.url_of(_CALLBACKS))
    for n in range(10):
        field.set_timers(2, seconds * n / 10, first=_CALLBACKS + 1 + 2 * n, on_delivered=told, on_failed=told)


def _with_names_of_runs(history: History) -> History:
    """A poller that knows no schedules sends their runs without saying of which they are: the store tells that."""
    runs = {run.timer_id: (it.name, run.due_at) for it in history.schedules for run in it.runs}
    hits = []
    for hit in history.hits:
        schedule, due_at = (hit.schedule, hit.due_at) if hit.schedule else runs.get(hit.timer_id, (None, 0))
        hits.append(replace(hit, schedule=schedule, due_at=due_at))
    return replace(history, hits=tuple(hits))


def _replace(field: Field, crew: list[Member], tree: Path | None) -> list[Member]:
    """One by one: the next joins before one leaves."""
    joined = []
    for member in crew:
        joined.append(field.join(tree=tree))
        assert field.leave(member) == 0, member.part.output()
    return joined


@contextlib.contextmanager
def checked_out(commit: str | None) -> Iterator[Path | None]:
    """A tree of this commit of our own repository."""
    if commit is None:
        yield None
        return
    with tempfile.TemporaryDirectory(prefix="rolling-") as folder:
        tree = Path(folder) / "tree"
        subprocess.run(["git", "worktree", "add", "--quiet", "--detach", tree, commit], cwd=ROOT, check=True)
        try:
            yield tree
        finally:
            subprocess.run(["git", "worktree", "remove", "--force", tree], cwd=ROOT, check=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--old", help="a commit; without it this version is rolled beside itself")
    parser.add_argument("--new", help="a commit; without it this version")
    parser.add_argument("--rate", type=float, default=150, help="creates a second")
    parser.add_argument("--pause", type=float, default=8, help="seconds that each stage is left alone")
    asked = parser.parse_args()
    trees = checked_out(asked.old), checked_out(asked.new)
    with no_process_left(), tempfile.TemporaryDirectory() as folder, trees[0] as old, trees[1] as new:
        report = roll(Path(folder), Plan(old, new, pause=asked.pause), Mix(rate=asked.rate))
    print(report)
    return 1 if report.violations or report.history.reasons else 0


if __name__ == "__main__":
    sys.exit(main())
