"""The fast transport: thousands of requests in one thread, by libcurl's socket_action on epoll."""

from __future__ import annotations

import select
import time

from scheduler.claim import Claim
from scheduler.clock import StoreClock
from scheduler.delivery.addresses import Origin
from scheduler.delivery.curl.alarm import Alarm
from scheduler.delivery.curl.call import Call
from scheduler.delivery.curl.handle import Common
from scheduler.delivery.curl.lookups import Lookups
from scheduler.delivery.curl.remembered_guard import RememberedGuard
from scheduler.delivery.curl.resolver import Found
from scheduler.delivery.curl.sockets import FLAGS, Sockets
from scheduler.delivery.curl.under_way import UnderWay, unsendable
from scheduler.delivery.descriptors import raise_limit
from scheduler.delivery.details import NOT_LOOKED_UP
from scheduler.delivery.dialling import Checkpoint
from scheduler.delivery.own_signing import OwnSecretsOf, Signers, nobody_has_own
from scheduler.delivery.request import build
from scheduler.delivery.signing import ServiceSigner
from scheduler.delivery.transport import Answer, Lets, everything_goes, is_too_late, unsent

#: Seconds that a first answer waits for others, so that they are settled together.
_GATHER = 0.001
#: Requests that are begun until libcurl goes on with them. Those of a batch of 96 that are answered meanwhile leave
#: their connections to the rest: a third of the connections, and an eighth less CPU. By 8 and by 48 less is saved.
_AT_ONCE = 16
#: Seconds by which a turn may be late: later, the process was frozen, or waited for something else.
_LATE = 0.05


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
        self._guard = RememberedGuard(checkpoint)
        #: A request starts only with half a lease left: with less, another poller might start it too.
        self._start_within = lease / 2
        self._epoll = select.epoll()
        self._alarm = Alarm()
        self._epoll.register(self._alarm.descriptor, select.EPOLLIN)
        self._woken = False
        self._sockets = Sockets(self._epoll)
        self._answers: list[Answer] = []
        common = Common(self._guard.permits, self._sockets, lets, self._signers)
        self._under_way = UnderWay(common, slots, self._answers)
        self._lookups = Lookups(self._alarm.ring)

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
            self._under_way.close()
            self._lookups.close()
            self._epoll.close()

    def _guarded_turn(self, until: float) -> None:
        """One turn. What goes wrong in it ends the attempts that are under way, never the poller."""
        try:
            self._turn(until)
        except Exception:
            self._under_way.start_over()

    def _turn(self, until: float) -> None:
        """Sleep until something happens, no longer than `until`; do what is to be done then."""
        under_way = self._under_way
        under_way.begun = 0
        at = min(filter(None, (until, under_way.next(), self._lookups.next_deadline())))
        # epoll alone rounds up to a whole millisecond; select on it does not.
        select.select([self._epoll], [], [], max(0.0, at - time.monotonic()))
        self._guard.renew()  # once a turn: once a request took a hundredth of its time
        most = -1
        if (now := time.monotonic()) > at + _LATE:
            under_way.was_away(now)
            most = 4 * self.slots + 1024  # epoll tells of 1,023 unless asked for more
        sockets = self._sockets
        sockets.changed.clear()
        arrived = False
        for descriptor, events in self._epoll.poll(0, most):
            if descriptor in sockets.changed:
                continue  # epoll says it again if it is still true
            if descriptor == self._alarm.descriptor:
                self._alarm.silence()
                for call, origin, addresses in self._lookups.answered():
                    self._go(call, origin, addresses, time.monotonic())
            elif descriptor in sockets.left:
                sockets.hung_up(descriptor)
            else:
                under_way.multi.socket_action(descriptor, FLAGS[events])
                arrived = True
        now = time.monotonic()
        under_way.go_on(now, arrived)
        self._answers += [call.answer(now, "timeout", detail=NOT_LOOKED_UP) for call in self._lookups.overdue(now)]

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
                if not self._guard.permits(address, origin[1]):
                    self._answers.append(call.answer(now, "blocked", detail=self._guard.refusal(*origin)))
                    return
        except Exception as error:
            self._answers.append(unsendable(claim, call.started_at, error))
            return
        self._under_way.send(call, origin, addresses, now)
