"""Short stories of a cluster, each told with the product as it is, and with the bug that it brings to light.

python -m tests.faults.cluster.stories [bug ...]
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.bench.session import no_process_left
from tests.faults.checker import Rule, check
from tests.faults.cluster.field import PARTITIONS, SLOT_OF, ClusterField
from tests.faults.cluster.nemesis import Nemesis, Stuck, move_slots
from tests.faults.cluster.planted import SLOW
from tests.faults.cluster.run import BOUNDS
from tests.faults.history import Bounds, History
from tests.faults.load import Load, Mix
from tests.faults.starved import Starved
from tests.faults.test_rows_time import off_by

#: Seconds.
LEASE = BOUNDS.lease
#: Seconds by which the clocks of two nodes differ in one of the stories.
_OFF = 7.0
#: How often a story with a bug is told until the bug is seen: what a process without a CPU does wrong is excused.
_TOLD = 4


@dataclass(frozen=True)
class Story:
    #: What its bug breaks.
    rule: Rule
    tell: Callable[[ClusterField, str], None]
    bounds: Bounds = BOUNDS
    #: What masters are told beside, by their numbers.
    environs: Callable[[], Mapping[int, dict[str, str]]] = dict
    replicas: int = 1
    #: What stands in for its bug where it is told without: nothing, or one of planted.PLANTED that does no harm.
    without: str = ""


def slots_move(field: ClusterField, bug: str) -> None:
    """Key by key, under load."""
    for _ in range(2):
        field.join(bug)
    part = field.open_api(bug=bug)
    load = Load(field, [field.url], Mix(rate=60), seed=1)
    nemesis = Nemesis(field, [(int(field.url.rpartition(":")[2]), part)], seed=1)
    load.start()
    time.sleep(3)
    try:
        for _ in range(3):
            move_slots(nemesis)
    except Stuck:
        pass  # the record says so
    time.sleep(1)
    load.stop()


def timers_are_set_while_claims_are_made(field: ClusterField, bug: str) -> None:
    """The first of two makes its partition ring, and the second rings while that is claimed from. It is due sooner than
    the claim has told."""
    field.join(bug)
    for number in range(40):
        field.set_timer(5.0, partition=number % PARTITIONS)
        time.sleep(SLOW / 3)
        field.set_timer(0.05, partition=number % PARTITIONS)
        time.sleep(SLOW)


def clocks_differ(field: ClusterField, bug: str) -> None:
    """Timers of all nodes side by side."""
    field.join(bug)
    for number in range(300):
        field.set_timer(1.0 + 0.02 * number)


def a_master_is_away_during_long_attempts(field: ClusterField, bug: str) -> None:
    """They last for longer than a lease on every node, and so does its absence."""
    for _ in range(2):
        field.join(bug)
    for _ in range(60):
        field.set_timer(0.0, hold_ms=9000)
    field.arrived(60, 20)
    # That of the first partition: who asks one after the other asks it first.
    old = field.nodes.primary_of(SLOT_OF[0])
    # Killed: while one is frozen, passes take so long that the other nodes take nobody's lease back.
    with field.fault("master away", partitions=field.partitions_of(old)):
        field.nodes.kill(old)
        time.sleep(2.5 * LEASE)  # the fault itself
        field.nodes.restart(old)
        field.nodes.healed()


STORIES: Mapping[str, Story] = {
    "follow ASK": Story(Rule.PLACED, slots_move),
    "forget a ring during a claim": Story(
        Rule.LATE,
        timers_are_set_while_claims_are_made,
        Bounds(lease=LEASE, late=1.2),
        replicas=0,
        without="slow claims",
    ),
    "one clock for all nodes": Story(
        Rule.EARLY, clocks_differ, environs=lambda: {1: off_by(f"+{_OFF:g}"), 2: off_by(f"-{_OFF:g}")}, replicas=0
    ),
    "renew that stops at the first dead node": Story(Rule.ONCE, a_master_is_away_during_long_attempts, replicas=0),
}


def tell(story: Story, folder: Path, bug: str) -> History:
    field = ClusterField(folder, story.bounds, story.replicas, story.environs())
    try:
        with Starved(field):
            story.tell(field, bug)
            field.settled(30)
        return field.history()
    finally:
        field.remove()


def broken(story: Story, bug: str) -> Counter[Rule]:
    """How often which rule, in one telling."""
    with tempfile.TemporaryDirectory() as folder:
        return Counter(it.rule for it in check(tell(story, Path(folder), bug)))


def main(*bugs: str) -> int:
    wrong = 0
    print("| planted bug | rule that it broke | violations | the same without it |\n|---|---|---|---|")
    for bug in bugs or STORIES:
        story = STORIES[bug]
        for _ in range(_TOLD):
            if (seen := broken(story, bug))[story.rule]:
                break
        clear = broken(story, story.without)
        wrong += not seen[story.rule] or bool(clear)
        cells = [bug, f"{story.rule.name}: {story.rule}", *map(_said, (seen, clear))]
        print(f"| {' | '.join(cells)} |", flush=True)
    return min(wrong, 1)


def _said(found: Counter[Rule]) -> str:
    return ", ".join(f"{rule.name} {count}" for rule, count in found.items()) or "nothing"


if __name__ == "__main__":
    with no_process_left():
        sys.exit(main(*sys.argv[1:]))
