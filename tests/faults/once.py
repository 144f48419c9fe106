"""Effects under faults: `python -m tests.faults.once --seconds 60 --seed 1` prints how many were doubled or missing.

Pollers are killed and frozen, receivers killed between effect and answer, the stores of both restarted. First receivers
use `timer_service.once`; then, as a control for shorter, they do not.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from scheduler import Status
from tests.bench.session import no_process_left
from tests.faults.field import Field
from tests.faults.history import Bounds
from tests.faults.once_load import OnceLoad
from tests.faults.once_outcome import Outcome, outcome, table
from tests.faults.once_receivers import InRedis, InSqlite, Kept

#: Seconds.
LEASE = 3.0
_POLLERS = 3
#: Rounds over all faults after which a run ends though no repeat was seen.
_ROUNDS = 10


def run(folder: Path, seed: int, seconds: float, *, with_helper: bool, say: bool = False) -> list[Outcome]:
    """For so long, but each fault once at least, and until each receiver has dropped a repeat or doubled an effect."""
    field = Field(folder, Bounds(lease=LEASE))
    receivers: list[Kept] = []
    try:
        for kind in (InSqlite, InRedis):
            receivers.append(Kept(field, kind(folder), with_helper=with_helper).start())
        for _ in range(_POLLERS):
            field.join()
        field.open_api()
        load = OnceLoad(field, receivers, seed).start()
        chance = random.Random(seed)
        begun, rounds = time.monotonic(), 0
        while time.monotonic() - begun < seconds or not rounds or not all(it.shown() for it in receivers):
            _strike(field, receivers, chance, say)
            rounds += 1
            if rounds >= _ROUNDS and time.monotonic() - begun >= seconds:
                break
        load.stop()
        assert field.settled(600), field.timers.stats()
        return [_outcome(field, it, load.acknowledged[it.effects.kind]) for it in receivers]
    finally:
        for it in receivers:
            it.stop()
        field.remove()


def _outcome(field: Field, receiver: Kept, acknowledged: dict[str, int]) -> Outcome:
    failed = {it for it in acknowledged if field.timers.get(it).status is Status.FAILED}
    of, notes = receiver.effects, receiver.notes()
    return outcome(of.kind, acknowledged, notes, of.numbers(), failed, with_helper=receiver.with_helper)


def _strike(field: Field, receivers: list[Kept], chance: random.Random, say: bool) -> None:
    """Each fault once, in an order by chance."""
    faults: dict[str, Callable[[], None]] = {
        "a poller killed": lambda: _kill_poller(field, chance),
        "a poller frozen": lambda: _freeze_poller(field, chance),
        "the service's store restarted": lambda: _restart(field),
        "receivers killed": lambda: _kill(receivers),
        "their stores restarted": lambda: _restart_stores(receivers),
    }
    for name in chance.sample(list(faults), len(faults)):
        if say:
            print(f"  {name}", file=sys.stderr, flush=True)
        faults[name]()
        time.sleep(LEASE / 2)  # so that what one fault does is not hidden by the next


def _kill_poller(field: Field, chance: random.Random) -> None:
    field.kill(chance.choice(list(field.crew.values())))
    field.join()


def _freeze_poller(field: Field, chance: random.Random) -> None:
    field.freeze(chance.choice(list(field.crew.values())), 1.5 * LEASE)


def _restart(field: Field) -> None:
    field.store.kill()
    field.store.start()


def _kill(receivers: list[Kept]) -> None:
    for it in receivers:
        it.kill()


def _restart_stores(receivers: list[Kept]) -> None:
    for it in receivers:
        it.effects.restart()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=None)
    asked = parser.parse_args()
    seed = random.SystemRandom().randrange(10**6) if asked.seed is None else asked.seed
    print(f"seed {seed}", file=sys.stderr)
    found: list[Outcome] = []
    with no_process_left():
        for with_helper, seconds in ((True, asked.seconds), (False, min(asked.seconds, 10))):
            with tempfile.TemporaryDirectory() as folder:
                found += run(Path(folder), seed, seconds, with_helper=with_helper, say=True)
    print(table(found))
    bad = [it for it in found if not it.as_it_should_be]
    if bad:
        print(f"FAILED; again with: python -m tests.faults.once --seconds {asked.seconds:g} --seed {seed}")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
