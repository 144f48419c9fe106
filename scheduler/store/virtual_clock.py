"""The clock of a store that can be turned: what it says, and who turns it.

Between two turns it goes on like any clock, so that leases, deadlines and waits mean what they always do.
"""

from __future__ import annotations

import contextlib
import secrets
import time
from collections.abc import Callable, Iterator

from scheduler.errors import ClockBusy, ClockRange, StoreUnavailable
from scheduler.store import keys
from scheduler.store.aging import age_noted, note_keys
from scheduler.store.link import Link
from scheduler.store.turning import Advance, Turning

#: ms, 2200-01-01T00:00:00Z: how far it goes. Lua counts microseconds exactly until 2255.
LATEST = 7_258_118_400_000
#: ms after which another call may turn the clock if the process that did so died; and seconds until that is renewed.
_HELD_MS, _RENEW = 5000, 1.0


class VirtualClock:
    """Threads and processes may share it: one call turns the clock at a time. Each raises StoreUnavailable; then the
    clock may have been turned. The scripts never turn it back."""

    def __init__(self, link: Link) -> None:
        self._link = link

    def now(self) -> int:
        """ms."""
        return Turning(self._link).now

    def advance_by(self, ms: int) -> Advance:
        """Raises ClockBusy while another call turns it, ClockRange for what is no later moment that it has."""
        with self._alone() as heartbeat:
            turning = Turning(self._link)
            return self._advance(turning, turning.now + ms, heartbeat)

    def advance_to(self, ms: int) -> Advance:
        """Raises the same."""
        with self._alone() as heartbeat:
            return self._advance(Turning(self._link), ms, heartbeat)

    def _advance(self, turning: Turning, to: int, heartbeat: Callable[[], object]) -> Advance:
        age_noted(self._link, turning.ahead)  # of a call that died
        if to <= turning.now:
            raise ClockRange("Not later than the clock, which only goes forward")
        if to > LATEST:
            raise ClockRange("Later than the clock goes, which is 2200-01-01T00:00:00Z")
        note_keys(self._link, turning.ahead)
        try:
            try:
                return turning.run(to, heartbeat)
            finally:
                age_noted(self._link, Turning(self._link).ahead)
        except StoreUnavailable as error:
            error.maybe_done = True  # not this step perhaps, but those before
            raise

    @contextlib.contextmanager
    def _alone(self) -> Iterator[Callable[[], None]]:
        """What it gives is to be called each second at least. A process that is frozen for longer is no danger: what it
        does late turns nothing back."""
        name, ours = keys.turning(), secrets.token_hex(8)
        if not self._link.ask("SET", name, lambda client: client.set(name, ours, px=_HELD_MS, nx=True)):
            raise ClockBusy
        renew_at = time.monotonic() + _RENEW

        def heartbeat() -> None:
            nonlocal renew_at
            if time.monotonic() >= renew_at:
                renew_at = time.monotonic() + _RENEW
                self._link.ask("PEXPIRE", name, lambda client: client.pexpire(name, _HELD_MS))

        try:
            yield heartbeat
        finally:
            with contextlib.suppress(StoreUnavailable):
                self._link.run("end_turn", 0, [ours])
