"""A client that sets schedules of many kinds, changes, pauses, fires and deletes them, and notes what it was told."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from scheduler import recurrence, rfc3339
from tests.faults.field import Field
from tests.faults.history import Planned, Verdict
from tests.faults.load import Client
from tests.faults.schedule_kinds import KINDS, Kind

#: The numbers of schedules in URLs; those of a load begin at 0, and tests/faults/later.py has others.
_FIRST = 2 * 10**9
#: Seconds for which it asks until it knows what became of a call: longer than any fault.
_PATIENCE = 60.0
#: Seconds from the change that ends a schedule to its last moment.
_LAST = 2.0
#: ms: longer than any load.
_FOR_EVER = 10**9


@dataclass
class Standing:
    """A schedule that is there."""

    kind: Kind
    name: str
    asked: dict[str, Any]
    #: Changes that were asked for.
    changes: int = 0
    fires: int = 0
    #: ms: since when it is certainly paused, and until when at most.
    paused: tuple[int, int] | None = None


class ScheduleLoad:
    """Runs from start() to stop(), in a thread: so many calls a second, beside those that it repeats."""

    def __init__(
        self, field: Field, urls: Sequence[str], seed: int, *, kinds: Sequence[Kind] = KINDS, rate: float = 3.0
    ) -> None:
        self._field = field
        self._client = Client(urls)
        self._chance = random.Random(seed)
        self._kinds = kinds
        self._rate = rate
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._sets: list[Standing] = []
        self._number = _FIRST
        self._failure: Exception | None = None

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """When all goes well again."""
        self._over.set()
        self._thread.join(3 * _PATIENCE)
        if self._failure is not None:
            raise self._failure
        self.finish()

    def finish(self, seconds: float = _PATIENCE) -> None:
        """Each schedule goes on, is told when to end, and has ended on return, if it does within so many seconds."""
        for it in self._sets:
            self.end(it)
        until = time.monotonic() + seconds
        left = [it.name for it in self._sets]
        while time.monotonic() < until and (left := [name for name in left if not self._ends(name)]):
            time.sleep(0.05)  # the checker knows of those that have not
        self._client.close()

    def _run(self) -> None:
        try:
            for kind in self._kinds:
                self.set(kind)
            while not self._over.wait(self._chance.expovariate(self._rate)):
                it = self._chance.choice(self._sets)
                self._chance.choices(list(_CALLS), list(_CALLS.values()))[0](self, it)
        except Exception as error:  # of another thread: stop() raises it where somebody sees it
            self._failure = error

    # Calls

    def set(self, kind: Kind) -> Standing:
        """A new schedule of this kind."""
        self._number += 1
        name = f"s{self._number - _FIRST}"
        more = ("once-500",) if kind.flaky else ()
        it = Standing(kind, name, kind.asked(self._field.url_of(self._number, kind.hold, *more, host=self._number)))
        verdict, said = self._insist("PUT", f"/schedules/{name}", it.asked)
        known = verdict is Verdict.OK
        self._field.record.schedules[name] = Planned(
            name=name,
            every=1000 * kind.every,
            overlap=kind.overlap,
            catch_up=kind.catch_up,
            offset=recurrence.spread_offset(name, 1000 * kind.spread),
            verdict=verdict,
            created_at=rfc3339.parse(said["created_at"]) if known else 0,
            starts_at=rfc3339.parse(said["starts_at"]) if known else 0,
            was_paused=kind.pause_after_failures is not None,
        )
        if known:
            self._sets.append(it)
        return it

    def put_again(self, it: Standing) -> None:
        """As it stands: nothing changes, however often."""
        self._client.ask("PUT", f"/schedules/{it.name}", it.asked)

    def change(self, it: Standing) -> None:
        """What runs send; when they do stays."""
        it.changes += 1
        it.asked["timer"]["metadata"] = {"change": it.changes}
        self._client.ask("PUT", f"/schedules/{it.name}", it.asked)

    def patch(self, it: Standing) -> None:
        it.asked["timer"]["tags"] = [f"tag-{it.changes}"]
        self._client.ask("PATCH", f"/schedules/{it.name}", {"timer": {"tags": it.asked["timer"]["tags"]}})

    def pause(self, it: Standing, seconds: float | None = None) -> None:
        """For so long, or until somebody says more."""
        self._note(it.name, was_paused=True)
        it.paused = None  # until when it was is now open
        until = None if seconds is None else round(1000 * (time.time() + seconds))
        said = {"reason": "to see what happens", "until": None if until is None else rfc3339.rfc3339(until)}
        verdict, _, _ = self._client.ask("POST", f"/schedules/{it.name}/pause", said)
        if verdict is Verdict.OK:
            it.paused = (_now(), until or _now() + _FOR_EVER)

    def pause_for_a_while(self, it: Standing) -> None:
        self.pause(it, self._chance.uniform(1, 4))

    def resume(self, it: Standing, said: dict[str, str]) -> None:
        called_at = _now()
        verdict, _, _ = self._client.ask("POST", f"/schedules/{it.name}/resume", said)
        if verdict is Verdict.OK and not said:
            self._note_pause(it, called_at)
        it.paused = None  # with others its moments may be made up for, now or by the next

    def resume_somehow(self, it: Standing) -> None:
        self.resume(it, self._chance.choice(_RESUMES))

    def fire(self, it: Standing) -> None:
        it.fires += 1
        path = f"/schedules/{it.name}/fire"
        verdict, said = self._insist("POST", path, None, key=f"{it.name}-{it.fires}")
        known = self._field.record.schedules[it.name]
        if verdict is Verdict.OK:
            self._note(it.name, fired=known.fired | {said["id"]})
        else:
            self._note(it.name, maybe_fired=known.maybe_fired + 1)

    def delete(self, it: Standing) -> None:
        """Another of its kind comes in its place."""
        self._sets.remove(it)
        self._note_pause(it, _now())
        path = f"/schedules/{it.name}?open={self._chance.choice(['cancel', 'keep'])}"
        verdict, _ = self._insist("DELETE", path, None, also=404)  # which a repeat gets
        self._note(it.name, deleted=verdict, deleted_at=_now())
        self.set(it.kind)

    def end(self, it: Standing) -> None:
        """It goes on, if it was paused, and has its last moment soon."""
        name, said, called_at = it.name, self._chance.choice(_RESUMES), _now()
        assert self._insist("POST", f"/schedules/{name}/resume", said)[0] is Verdict.OK
        if not said:
            self._note_pause(it, called_at)
        for _ in range(10):
            ends_at = _now() + round(1000 * _LAST)
            said = {"ends_at": rfc3339.rfc3339(ends_at)}
            verdict, _ = self._insist("PATCH", f"/schedules/{name}", said)
            known = self._field.record.schedules[name]
            if known.ends_at is not None:
                span = (known.ends_at + known.offset, _now() + 1)
                self._note(name, maybe_ended=(*known.maybe_ended, span))
            self._note(name, ends_at=ends_at)
            # Told later than that, it may have gone beyond.
            if verdict is Verdict.OK and _now() < ends_at:
                return
        raise AssertionError(f"{name} could not be told to end")

    # What is known

    def _ends(self, name: str) -> bool:
        """Whether it has ended. One that its last failures have paused waits for a resume."""
        verdict, _, said = self._client.ask("GET", f"/schedules/{name}")
        if verdict is Verdict.OK and said["status"] == "paused":
            self._client.ask("POST", f"/schedules/{name}/resume", {})
        return verdict is Verdict.OK and said["status"] == "ended"

    def _note(self, name: str, **known: Any) -> None:
        self._field.record.schedules[name] = replace(self._field.record.schedules[name], **known)

    def _note_pause(self, it: Standing, called_at: int) -> None:
        """It was so until then at least, and its moments stay skipped."""
        if it.paused is not None:
            since, until = it.paused
            pauses = self._field.record.schedules[it.name].pauses
            self._note(it.name, pauses=(*pauses, (since, min(until, called_at))))

    def _insist(self, method: str, path: str, body: object, *, also: int = 0, key: str = "") -> tuple[Verdict, Any]:
        """Ask until it is done, or was done already, which the status `also` says too. Calls can be repeated."""
        until = time.monotonic() + _PATIENCE
        headers = {"Idempotency-Key": key} if key else {}
        while True:
            verdict, status, said = self._client.ask(method, path, body, **headers)
            if verdict is Verdict.OK or (also and status == also):
                return Verdict.OK, said
            assert status in (0, 409, 503), f"{status} to {method} {path}: {said}"
            if time.monotonic() > until:
                return Verdict.UNKNOWN, None
            time.sleep(0.2)


def _now() -> int:
    return round(1000 * time.time())


_RESUMES: tuple[dict[str, str], ...] = ({}, {"catch_up": "none"}, {"catch_up": "last"}, {"catch_up": "all"})

#: And how often each is made, beside the others.
_CALLS: dict[Callable[[ScheduleLoad, Standing], None], int] = {
    ScheduleLoad.put_again: 6,
    ScheduleLoad.change: 3,
    ScheduleLoad.patch: 2,
    ScheduleLoad.pause: 2,
    ScheduleLoad.pause_for_a_while: 2,
    ScheduleLoad.resume_somehow: 5,
    ScheduleLoad.fire: 3,
    ScheduleLoad.delete: 1,
}
