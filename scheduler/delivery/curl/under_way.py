"""Requests that libcurl has under way: of a host with several addresses one to each that is tried."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from contextlib import suppress

import pycurl

from scheduler.claim import Claim
from scheduler.delivery.addresses import Order, Origin, pause
from scheduler.delivery.curl.agenda import Agenda
from scheduler.delivery.curl.call import Call, Race
from scheduler.delivery.curl.handle import Common, Handle
from scheduler.delivery.descriptors import idle_connections
from scheduler.delivery.transport import Answer

#: Seconds after something arrived until it is looked whether the heads of answers are too long: 0.1 us each.
_HEADS_WAIT = 0.05
_LONG_AGO = float("-inf")

log = logging.getLogger(__name__)


def unsendable(claim: Claim, started_at: int, error: Exception) -> Answer:
    """Of a timer that could not even be begun: whatever one does, the poller goes on."""
    log.error("timer %s cannot be sent: %s", claim.id, type(error).__name__)
    return Answer(claim=claim, started_at=started_at, error="protocol", sent=False)


class UnderWay:
    """For the transport's thread. What goes wrong with one attempt ends that; for all else, which is raised, there is
    start_over()."""

    def __init__(self, common: Common, slots: int, answers: list[Answer]) -> None:
        """What has ended is put into `answers`."""
        self._common = common
        self._slots = slots
        self._answers = answers
        self._timer_at: float | None = None
        #: libcurl itself. It is another one once all has begun anew.
        self.multi = self._new_multi()
        #: When the heads of answers are to be looked at; None if nothing has arrived since they were.
        self._heads_at: float | None = None
        self._idle: list[Handle] = []
        self._busy: set[Handle] = set()
        #: Requests that were begun since the transport has set this to 0.
        self.begun = 0
        self._order = Order()
        #: Calls that try another address soon, if they are not connected by then.
        self._next_tries: Agenda[Call] = Agenda()
        #: Calls whose deadlines have passed while nobody looked.
        self._overdue: dict[Handle, Call] = {}

    def next(self) -> float | None:
        """The moment at which something is to be done though nothing arrives."""
        return min(filter(None, (self._timer_at, self._next_tries.next(), self._heads_at)), default=None)

    def send(self, call: Call, origin: Origin, addresses: Sequence[str], now: float) -> None:
        """To one of these addresses, which all may be called."""
        if len(addresses) > 1:
            call.origin = origin
            call.race = Race(self._order.of(origin, addresses))
            self._start(call, call.race.ahead.pop(0), now)
        else:
            self._start(call, addresses[0], now)

    def was_away(self, now: float) -> None:
        """Nobody has looked for a while: what has arrived meanwhile is to be read before deadlines count.

        libcurl looks at the deadline first, so an answer that came in time would be none.
        """
        for handle in self._busy:
            call = handle.call
            if call.sent and call.deadline <= now and (call.race is None or call.race.winner is handle):
                handle.wait_on()
                self._overdue[handle] = call

    def go_on(self, now: float, arrived: bool) -> None:
        """Do what is due, and take the answers. `arrived`: libcurl was told so of a socket."""
        if self._timer_at is not None and now >= self._timer_at:
            self._timer_at = None
            self.multi.socket_action(pycurl.SOCKET_TIMEOUT, 0)
        for call in self._next_tries.due(now):
            self._try_next(call, now)
        self._collect()
        self._end_overdue(now)
        self._end_long_heads(now, arrived)

    def start_over(self) -> None:
        """End every request under way, and leave all connections: libcurl says no to all once it has said so to one."""
        log.exception("the curl transport failed: %d attempts end, and it begins anew", len(self._busy))
        busy, self._busy = self._busy, set()
        now = time.monotonic()
        for call in {handle.call for handle in busy}:  # of a race several are under way
            self._next_tries.drop(call)
            self._answers.append(call.answer(now, "protocol"))
        for handle in busy:
            with suppress(pycurl.error):
                self.multi.remove_handle(handle.curl)
            handle.curl.close()
        self._idle.clear()
        self._overdue.clear()
        self._common.won.clear()
        with suppress(pycurl.error):
            self.multi.close()  # epoll forgets its sockets as they are closed
        self._timer_at = None
        self._common.sockets.forget_all()
        with suppress(pycurl.error):  # without a file left; the closed one raises in the next turn, which begins anew
            self.multi = self._new_multi()

    def close(self) -> None:
        """Cut all; nobody wants their answers."""
        for handle in list(self._busy):
            self._end(handle)
        self.multi.close()

    def _new_multi(self) -> pycurl.CurlMulti:
        multi = pycurl.CurlMulti()
        multi.setopt(pycurl.M_SOCKETFUNCTION, self._common.sockets.watch)
        multi.setopt(pycurl.M_TIMERFUNCTION, self._set_timer)
        multi.setopt(pycurl.M_MAXCONNECTS, idle_connections(self._slots))
        return multi

    def _collect(self) -> None:
        while self._common.won:
            self._end_race(self._common.won.pop())
        more, now = 1, time.monotonic()
        while more:
            more, well, badly = self.multi.info_read()
            for curl in well:
                self._finish(curl.handle, 0, "", now)
            for curl, code, message in badly:
                self._finish(curl.handle, code, message, now)

    def _end_overdue(self, now: float) -> None:
        overdue, self._overdue = self._overdue, {}
        for handle, call in overdue.items():
            if handle in self._busy and handle.call is call:
                self._finish(handle, pycurl.E_OPERATION_TIMEDOUT, "", now)

    def _end_long_heads(self, now: float, arrived: bool) -> None:
        """End answers whose heads are too long, soon after they have become so: libcurl goes on to 300 kB of each."""
        if self._heads_at is not None and now >= self._heads_at:
            self._heads_at = None
            for handle in [handle for handle in self._busy if handle.has_long_head()]:
                self._finish(handle, pycurl.E_WRITE_ERROR, "", now)
        elif arrived and self._heads_at is None and self._busy:
            self._heads_at = now + _HEADS_WAIT

    def _finish(self, handle: Handle, code: int, message: str, now: float) -> None:
        if handle not in self._busy:  # its call has ended meanwhile
            return
        call = handle.call
        try:
            answer = handle.finished(code, message, now)
        except Exception:  # whatever was answered, the others go on
            log.exception("the answer to timer %s cannot be read", call.claim.id)
            answer = call.answer(now, "protocol")
        self._end(handle)
        race = call.race
        if race and race.winner not in (handle, None):  # it came too late
            return
        if handle.stale:
            call.fresh = True
            self._start(call, handle.address, now)
        elif race and answer.error == "connect" and not call.sent and (race.ahead or race.handles):
            if race.ahead:
                self._start(call, race.ahead.pop(0), now)
        else:
            self._end_others(call)
            self._answers.append(answer)

    def _end(self, handle: Handle) -> None:
        self.multi.remove_handle(handle.curl)
        self._busy.remove(handle)
        if handle.call.race:
            handle.call.race.handles.remove(handle)
        handle.let_go()
        self._idle.append(handle)

    def _try_next(self, call: Call, now: float) -> None:
        """Try another address beside those that have not connected yet."""
        race = call.race
        if race is None or call.sent or any(handle.connected() for handle in race.handles):
            return
        if len(self._busy) >= 2 * self._slots:  # a file each: descriptors.py
            given_up = race.handles[0]
            self._end(given_up)
            race.ahead.append(given_up.address)  # for another turn
        self._start(call, race.ahead.pop(0), now)

    def _end_race(self, call: Call) -> None:
        race = call.race
        if race and race.winner and race.winner.address != race.favourite:
            self._order.answered(call.origin, race.winner.address)
        self._end_others(call)

    def _end_others(self, call: Call) -> None:
        """End what a call has under way but for the handle that carries its request."""
        if not call.race:
            return
        self._next_tries.drop(call)
        for handle in list(call.race.handles):
            if handle is not call.race.winner:
                self._end(handle)
                self._idle.pop()  # what libcurl said of it may still be read: it must not be another call's

    def _start(self, call: Call, address: str, now: float) -> None:
        """Send to this address, or to another of the call's race that connects before."""
        try:
            handle = self._idle.pop() if self._idle else Handle(self._common)
            handle.carry(call, address, now)
        except Exception as error:  # whatever one timer does, the poller goes on; such a handle is not used again
            self._end_others(call)
            self._answers.append(unsendable(call.claim, call.started_at, error))
            return
        self._busy.add(handle)
        self.begun += 1
        try:
            self.multi.add_handle(handle.curl)
        except pycurl.error:
            self.start_over()
            return
        if race := call.race:
            race.handles.append(handle)
            if race.ahead:
                self._next_tries.add(now + pause(call.deadline - now, len(race.ahead) + 1), call)
            else:
                self._next_tries.drop(call)

    def _set_timer(self, ms: int) -> None:
        if ms > 0:
            self._timer_at = time.monotonic() + ms / 1000
        else:
            self._timer_at = None if ms else _LONG_AGO
