"""Sends the timers of a group of failures once more, and says in words what became of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from scheduler import Standing, Status, Store, StoreUnavailable
from timer_service.web.pages.words import number

#: Timers between two looks at what was done so far: 10 ms of the store's time, others between.
_CHUNK = 200
_SKIPPED = {
    "": "forgotten",
    Status.SCHEDULED: "scheduled again already",
    Status.DELIVERING: "being sent already",
    Status.DELIVERED: "delivered by now",
    Status.CANCELLED: "cancelled by now",
    "key": "with a key that another timer has",
    "format": "for a later version only",
}


@dataclass(slots=True)
class Replayed:
    """What became of them, as far as it is known."""

    asked: int
    replayed: int = 0
    #: By what they were instead of failed, or why else they were not.
    skipped: Counter[str] = field(default_factory=Counter)
    #: Why it stopped before the end.
    stopped: str = ""

    def __str__(self) -> str:
        """`137 replayed, 2 skipped: 1 being sent already, 1 delivered by now.`"""
        text = f"{number(self.replayed)} replayed"
        if self.skipped:
            each = ", ".join(f"{number(count)} {_SKIPPED.get(what, what)}" for what, count in self.skipped.items())
            text += f", {number(self.skipped.total())} skipped: {each}"
        left = self.asked - self.replayed - self.skipped.total()
        if self.stopped:
            text += f". Then {self.stopped}; it is not known of {number(left)} others whether they were replayed"
        return f"{text}."


def replay(store: Store, ids: Sequence[str]) -> Replayed:
    done = Replayed(len(ids))
    for at in range(0, len(ids), _CHUNK):
        chunk = ids[at : at + _CHUNK]
        try:
            standings = store.timers.standings(chunk)
            failed = [it for it in standings if it.status is Status.FAILED]
            said = store.timers.replay_each(failed)
        except StoreUnavailable as error:
            done.stopped = str(error)
            return done
        done.replayed += said.count("done")
        done.skipped += _skipped(chunk, standings, said)
    return done


def _skipped(ids: Sequence[str], standings: Sequence[Standing], said: Sequence[str]) -> Counter[str]:
    found = Counter(word.partition(" ")[0] for word in said if word != "done")
    found.update(it.status.value for it in standings if it.status is not Status.FAILED)
    found[""] += len(ids) - len(standings)
    return +found
