"""Sends thousands of requests at once, in the thread that calls it: its sockets never wait, and epoll tells of them."""

from __future__ import annotations

import select
import time

from scheduler.claim import Claim
from scheduler.clock import StoreClock
from scheduler.delivery.addresses import Origin
from scheduler.delivery.checkpoint import Checkpoint
from scheduler.delivery.descriptors import raise_limit
from scheduler.delivery.details import NOT_LOOKED_UP
from scheduler.delivery.own_signing import OwnSecretsOf, Signers, nobody_has_own
from scheduler.delivery.request import build
from scheduler.delivery.signing import ServiceSigner
from scheduler.delivery.sockets.alarm import Alarm
from scheduler.delivery.sockets.call import Call
from scheduler.delivery.sockets.connections import Connections
from scheduler.delivery.sockets.lookups import Lookups
from scheduler.delivery.sockets.remembered_guard import RememberedGuard
from scheduler.delivery.sockets.resolver import Found
from scheduler.delivery.sockets.rules import Rules, unsendable
from scheduler.delivery.sockets.under_way import UnderWay
from scheduler.delivery.transport import Answer, Lets, everything_goes, unsent

#: Seconds that a first answer waits for others, so that they are settled together.
_GATHER = 0.001
#: Requests that are begun until it is looked what has come. Those of a batch of 96 that are answered meanwhile leave
#: their connections to the rest. By 24 at a time it costs as much, by 96 a sixth more.
_AT_ONCE = 48
#: Seconds for which it is not looked what has come while nothing is begun or waited for.
_UNSEEN = 0.005
#: Events that epoll tells of at once unless it is asked for more.
_MOST_EVENTS = 1023
#: Descriptors that select() knows (FD_SETSIZE).
_MOST_SELECTED = 1024


class SocketTransport:
    """The contract is transport.Transport's.

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
        self._clock = clock
        self._signers = Signers(signer, own)
        self._guard = RememberedGuard(checkpoint)
        #: A request starts only with half a lease left: with less, another poller might start it too.
        self._start_within = lease / 2
        self._epoll = select.epoll()
        self._alarm = Alarm()
        self._epoll.register(self._alarm.descriptor, select.EPOLLIN)
        self._woken = False
        #: When it was last looked what has come.
        self._looked_at = 0.0
        self._answers: list[Answer] = []
        self._rules = Rules(self._guard.permits, self._guard.refusal, lets, self._signers)
        self._connections = Connections(self._epoll, slots)
        self._under_way = UnderWay(self._rules, self._connections, slots, self._answers)
        self._lookups = Lookups(self._alarm.ring)

    def submit(self, claim: Claim) -> None:
        now = time.monotonic()
        if now > self._looked_at + _UNSEEN and self._connections.idle:  # some may have been closed meanwhile
            self._guarded_turn(now)
            now = time.monotonic()  # connections that are idle since then are no older than nothing
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
            self._answers.append(unsendable(claim, started_at, error))
            return
        if addresses is not None:
            self._go(call, origin, addresses, now)
            if self._under_way.begun >= _AT_ONCE:
                self._guarded_turn(now)
        else:
            self._lookups.ask(call, origin)

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
                answers = self._answers.copy()
                self._answers.clear()
                return answers

    def wake(self) -> None:
        self._woken = True
        self._alarm.ring()

    def close(self) -> None:
        if not self._epoll.closed:
            self._connections.close_all()
            self._lookups.close()
            self._epoll.close()

    def _guarded_turn(self, until: float) -> None:
        """One turn. What goes wrong in it ends the attempts that are under way, never the poller."""
        try:
            self._turn(until)
        except Exception:
            self._under_way.end_all()
            self._connections.close_all()

    def _turn(self, until: float) -> None:
        """Sleep until something happens, no longer than `until`; do what is to be done then."""
        under_way, connections = self._under_way, self._connections
        under_way.begun = 0
        connections.opened.clear()
        looked_at = time.monotonic()
        events = self._epoll.poll(0)
        if not events:
            at = min(filter(None, (until, under_way.next(), connections.next(), self._lookups.next_deadline())))
            if (seconds := at - looked_at) > 0:
                # epoll alone rounds up to a whole millisecond; select on it does not.
                if self._epoll.fileno() < _MOST_SELECTED:
                    select.select([self._epoll], [], [], seconds)
                else:
                    self._epoll.poll(seconds, 1)
                looked_at = time.monotonic()
                events = self._epoll.poll(0)
        self._guard.renew()  # once a turn: once a request took a hundredth of its time
        self._hear(events)
        if len(events) == _MOST_EVENTS:
            connections.opened.clear()
            self._hear(self._epoll.poll(0, 4 * self.slots + 1024))
        # What has come before its deadline was heard by now, however long this process was frozen in between.
        self._looked_at = looked_at
        under_way.go_on(looked_at)
        connections.close_old(looked_at)
        overdue = self._lookups.overdue(looked_at)
        self._answers += [call.answer(looked_at, "timeout", detail=NOT_LOOKED_UP) for call in overdue]

    def _hear(self, events: list[tuple[int, int]]) -> None:
        for descriptor, flags in events:
            if descriptor == self._alarm.descriptor:
                self._alarm.silence()
                for call, origin, addresses in self._lookups.answered():
                    self._go(call, origin, addresses, time.monotonic())
            elif connection := self._connections.told_of(descriptor):
                self._under_way.event(connection, flags)

    def _go(self, call: Call, origin: Origin, addresses: Found, now: float) -> None:
        """Send to one of these addresses, if all of them may be called; not if it is too late or held by now, or other
        secrets sign than did."""
        claim = call.claim
        if now >= call.deadline:  # the process was frozen while the name was looked up
            self._answers.append(call.answer(now, "timeout", detail=NOT_LOOKED_UP))
            return
        try:
            if not self._rules.allow(call, now):
                self._answers.append(unsent(claim))
                return
            if isinstance(addresses, str):
                self._answers.append(call.answer(now, "dns", detail=addresses))
                return
            for address in addresses:
                if not self._guard.permits(address, origin[1]):
                    self._answers.append(call.answer(now, "blocked", detail=self._guard.refusal(*origin)))
                    return
        except Exception as error:
            self._answers.append(unsendable(claim, call.started_at, error))
            return
        self._under_way.send(call, origin, addresses, now)
