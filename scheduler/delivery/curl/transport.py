"""The fast transport: thousands of requests in one thread, by libcurl's socket_action on epoll."""

from __future__ import annotations

import logging
import os
import select
import time
from contextlib import suppress

import pycurl

from scheduler.claim import Claim
from scheduler.clock import StoreClock
from scheduler.delivery.addresses import Order, Origin, pause
from scheduler.delivery.curl.agenda import Agenda
from scheduler.delivery.curl.call import Call, Race
from scheduler.delivery.curl.handle import Common, Handle
from scheduler.delivery.curl.lookups import Lookups
from scheduler.delivery.curl.resolver import Found
from scheduler.delivery.curl.sockets import FLAGS, Sockets
from scheduler.delivery.descriptors import idle_connections, raise_limit
from scheduler.delivery.details import NOT_LOOKED_UP
from scheduler.delivery.dialling import Checkpoint
from scheduler.delivery.own_signing import OwnSecretsOf, Signers, nobody_has_own
from scheduler.delivery.request import build
from scheduler.delivery.signing import ServiceSigner
from scheduler.delivery.transport import Answer, Lets, everything_goes, is_too_late, unsent

#: Seconds that a first answer waits for others, so that they are settled together.
_GATHER = 0.001
#: Seconds after something arrived until it is looked whether the heads of answers are too long: 0.1 us each.
_HEADS_WAIT = 0.05
#: Requests that are begun until libcurl goes on with them. Those of a batch of 96 that are answered meanwhile leave
#: their connections to the rest: a third of the connections, and an eighth less CPU. By 8 and by 48 less is saved.
_AT_ONCE = 16
_LONG_AGO = float("-inf")

log = logging.getLogger(__name__)


class CurlTransport:
    """Sends what it is given by libcurl, all in the thread that calls it: the contract is transport.Transport's.

    Only `wake` is safe in other threads. `close` cuts what runs. Nothing that a receiver, a name server or the kernel
    does is raised: it ends the attempts that it concerns.
    """

    def __init__(
        self,
        clock: StoreClock,
        signer: ServiceSigner,
        checkpoint: Checkpoint,
        *,
        slots: int,
        lease: float,
        lets: Lets = everything_goes,
        own: OwnSecretsOf = nobody_has_own,
    ) -> None:
        raise_limit()
        self.slots = slots
        self._lets = lets
        self._clock = clock
        self._signers = Signers(signer, own)
        self._checkpoint = checkpoint
        self._guard = checkpoint.guard()
        #: What that guard has said; it takes 20 us to ask it.
        self._verdicts: dict[tuple[str, int], bool] = {}
        #: A request starts only with half a lease left: with less, another poller might start it too.
        self._start_within = lease / 2
        self._epoll = select.epoll()
        self._alarm = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._epoll.register(self._alarm, select.EPOLLIN)
        self._woken = False
        self._sockets = Sockets(self._epoll)
        self._common = Common(self._permits, self._sockets, lets, self._signers)
        self._timer_at: float | None = None
        #: When the heads of answers under way are to be looked at; None if nothing has arrived since they were.
        self._heads_at: float | None = None
        self._multi = self._new_multi()
        self._idle: list[Handle] = []
        self._busy: set[Handle] = set()
        #: Requests that were begun since libcurl last went on.
        self._begun = 0
        self._answers: list[Answer] = []
        self._lookups = Lookups(self._ring)
        self._order = Order()
        #: Calls that try another address soon, if they are not connected by then.
        self._next_tries: Agenda[Call] = Agenda()

    def submit(self, claim: Claim) -> None:
        now = time.monotonic()
        if now > claim.claimed_at + self._start_within:
            self._answers.append(unsent(claim))
            return
        started_at = self._clock.us_at(now, claim.partition) // 1000
        try:
            signer = self._signers.of(claim)
            if signer is None:
                self._answers.append(unsent(claim))
                return
            call = Call(claim, build(claim, started_at, signer), signer, started_at, now)
            origin, addresses = self._lookups.addresses(claim.webhook.url)
        except Exception as error:  # whatever one timer does, the poller goes on
            self._unsendable(claim, started_at, error)
            return
        if addresses is not None:
            self._go(call, origin, addresses, now)
            if self._begun >= _AT_ONCE:
                self._guarded_turn(now)
        else:
            self._lookups.ask(call, origin)

    def _unsendable(self, claim: Claim, started_at: int, error: Exception) -> None:
        log.error("timer %s cannot be sent: %s", claim.id, type(error).__name__)
        self._answers.append(Answer(claim=claim, started_at=started_at, error="protocol", sent=False))

    def wait(self, seconds: float) -> list[Answer]:
        until = time.monotonic() + seconds
        gathering = False
        while True:
            now = time.monotonic()
            if self._woken:  # submit may have heard the alarm
                until = now
            elif self._answers and not gathering:
                gathering, until = True, min(until, now + _GATHER)
            self._guarded_turn(until)
            if self._woken or time.monotonic() >= until:
                self._woken = False
                answers, self._answers = self._answers, []
                return answers

    def wake(self) -> None:
        self._woken = True
        self._ring()

    def _ring(self) -> None:
        os.eventfd_write(self._alarm, 1)

    def close(self) -> None:
        if not self._epoll.closed:
            for handle in list(self._busy):
                self._end(handle)
            self._multi.close()
            self._lookups.close()
            self._epoll.close()
            os.close(self._alarm)

    def _new_multi(self) -> pycurl.CurlMulti:
        multi = pycurl.CurlMulti()
        multi.setopt(pycurl.M_SOCKETFUNCTION, self._sockets.watch)
        multi.setopt(pycurl.M_TIMERFUNCTION, self._set_timer)
        multi.setopt(pycurl.M_MAXCONNECTS, idle_connections(self.slots))
        return multi

    def _guarded_turn(self, until: float) -> None:
        """One turn. What goes wrong in it ends the attempts that are under way, never the poller."""
        try:
            self._turn(until)
        except Exception:
            self._start_over()

    def _start_over(self) -> None:
        """End every request under way, and leave all connections: libcurl says no to all once it has said so to one."""
        log.exception("the curl transport failed: %d attempts end, and it begins anew", len(self._busy))
        busy, self._busy = self._busy, set()
        now = time.monotonic()
        for call in {handle.call for handle in busy}:  # of a race several are under way
            self._next_tries.drop(call)
            self._answers.append(call.answer(now, "protocol"))
        for handle in busy:
            with suppress(pycurl.error):
                self._multi.remove_handle(handle.curl)
            handle.curl.close()
        self._idle.clear()
        self._common.won.clear()
        with suppress(pycurl.error):
            self._multi.close()  # epoll forgets its sockets as they are closed
        self._timer_at = None
        self._sockets.forget_all()
        with suppress(pycurl.error):  # without a file left; the closed one raises in the next turn, which begins anew
            self._multi = self._new_multi()

    def _turn(self, until: float) -> None:
        """Sleep until something happens, no longer than `until`; do what is to be done then."""
        self._begun = 0
        at = min(
            filter(
                None, (until, self._timer_at, self._lookups.next_deadline(), self._next_tries.next(), self._heads_at)
            )
        )
        # epoll alone rounds up to a whole millisecond; select on it does not.
        select.select([self._epoll], [], [], max(0.0, at - time.monotonic()))
        self._take_guard()
        sockets = self._sockets
        sockets.changed.clear()
        arrived = False
        for descriptor, events in self._epoll.poll(0):
            if descriptor in sockets.changed:
                continue  # epoll says it again if it is still true
            if descriptor == self._alarm:
                os.eventfd_read(self._alarm)
                for call, origin, addresses in self._lookups.answered():
                    self._go(call, origin, addresses, time.monotonic())
            elif descriptor in sockets.left:
                sockets.hung_up(descriptor)
            else:
                self._multi.socket_action(descriptor, FLAGS[events])
                arrived = True
        now = time.monotonic()
        if self._timer_at is not None and now >= self._timer_at:
            self._timer_at = None
            self._multi.socket_action(pycurl.SOCKET_TIMEOUT, 0)
        for call in self._next_tries.due(now):
            self._try_next(call, now)
        self._collect()
        self._end_long_heads(now, arrived)
        self._answers += [call.answer(now, "timeout", detail=NOT_LOOKED_UP) for call in self._lookups.overdue(now)]

    def _collect(self) -> None:
        while self._common.won:
            self._end_race(self._common.won.pop())
        more, now = 1, time.monotonic()
        while more:
            more, well, badly = self._multi.info_read()
            for curl in well:
                self._finish(curl.handle, 0, "", now)
            for curl, code, message in badly:
                self._finish(curl.handle, code, message, now)

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
        self._multi.remove_handle(handle.curl)
        self._busy.remove(handle)
        if handle.call.race:
            handle.call.race.handles.remove(handle)
        handle.let_go()
        self._idle.append(handle)

    # Racing

    def _try_next(self, call: Call, now: float) -> None:
        """Try another address beside those that have not connected yet."""
        race = call.race
        if race is None or call.sent or any(handle.connected() for handle in race.handles):
            return
        if len(self._busy) >= 2 * self.slots:  # a file each: descriptors.py
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

    # Sending

    def _go(self, call: Call, origin: Origin, addresses: Found, now: float) -> None:
        """Send to one of these addresses, if all of them may be called; not if it is too late or held by now, or other
        secrets sign than did."""
        claim = call.claim
        if is_too_late(claim, now) or not self._lets(claim, now) or self._signers.of(claim) is not call.signer:
            self._answers.append(unsent(claim))
            return
        if isinstance(addresses, str):
            self._answers.append(call.answer(now, "dns", detail=addresses))
            return
        try:
            for address in addresses:
                if not self._permits(address, origin[1]):
                    self._answers.append(call.answer(now, "blocked", detail=self._guard.refusal(*origin)))
                    return
        except Exception as error:
            self._unsendable(call.claim, call.started_at, error)
            return
        if len(addresses) > 1:
            call.origin = origin
            call.race = Race(self._order.of(origin, addresses))
            self._start(call, call.race.ahead.pop(0), now)
        else:
            self._start(call, addresses[0], now)

    def _start(self, call: Call, address: str, now: float) -> None:
        """Send to this address, or to another of the call's race that connects before."""
        try:
            handle = self._idle.pop() if self._idle else Handle(self._common)
            handle.carry(call, address, now)
        except Exception as error:  # whatever one timer does, the poller goes on; such a handle is not used again
            self._end_others(call)
            self._unsendable(call.claim, call.started_at, error)
            return
        self._busy.add(handle)
        self._begun += 1
        try:
            self._multi.add_handle(handle.curl)
        except pycurl.error:
            self._start_over()
            return
        if race := call.race:
            race.handles.append(handle)
            if race.ahead:
                self._next_tries.add(now + pause(call.deadline - now, len(race.ahead) + 1), call)
            else:
                self._next_tries.drop(call)

    def _permits(self, address: str, port: int) -> bool:
        verdict = self._verdicts.get((address, port))
        if verdict is None:
            verdict = self._verdicts[address, port] = self._guard.permits(address, port)
        return verdict

    def _take_guard(self) -> None:
        """Ask for the guard as it is now: once a turn, for once a request took a hundredth of its time."""
        guard = self._checkpoint.guard()
        if guard is not self._guard or len(self._verdicts) > 4096:
            self._guard, self._verdicts = guard, {}

    # libcurl's callback

    def _set_timer(self, ms: int) -> None:
        if ms > 0:
            self._timer_at = time.monotonic() + ms / 1000
        else:
            self._timer_at = None if ms else _LONG_AGO
