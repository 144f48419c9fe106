"""A poller without a thread of its own: what falls due is sent one after the other, by whoever turns the clock."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import NamedTuple

from scheduler.claim import Claim
from scheduler.clock import StoreClock
from scheduler.delivery.request import Request, build
from scheduler.delivery.signing import Signer
from scheduler.delivery.transport import Answer
from scheduler.poller.loop import Poller
from scheduler.poller.planning import Planning
from scheduler.store import keys
from scheduler.store.link import Link
from scheduler.store.store import Store
from scheduler.store.turning import Step, Turning

#: Seconds for which a timer is ours: longer than anybody looks at a task in a debugger.
LONG_LEASE = 30 * 86_400.0
#: Seconds after which something that is due and not taken is told as a defect.
_NOBODY = 10.0
_PAUSE = 0.001
#: What is sent stays in this process.
_UNSIGNED = Signer("")


class Sent(NamedTuple):
    """What a request was answered."""

    status: int
    #: Names in lower case.
    headers: Mapping[str, str] = MappingProxyType({})
    body: bytes = b""


Send = Callable[[Claim, Request, int], Sent]


class NobodyTakes(Exception):
    """Something is due, and no claim brings it."""


def send_until(store: Store, to: int, send: Send) -> None:
    """Turn the virtual clock of the store to this moment, ms, and send what falls due on the way, each at its moment:
    retries, occurrences that are asked for, and runs of schedules too. `send` gets claim, request and time.

    It may be called by `send`: what is due is sent then, and the clock is not turned. The store's settings need
    LONG_LEASE. Raises what `send` raises, whose timer is left delivering; StoreUnavailable; NobodyTakes.
    """
    name = f"one-by-one-{secrets.token_hex(4)}"
    claims = store.claims(name, share=1)
    planning = Planning(store.plans(claims.clock))
    transport = _Transport(send, claims.clock, Turning(store.link), to, planning.look_soon)
    poller = Poller(claims, transport, name=name, lease=LONG_LEASE, grace=0, planning=planning)
    transport.stop = poller.stop
    poller.run()
    if transport.stuck:
        raise NobodyTakes(f"something is due for {_NOBODY:g} s, and no claim brings it")


def pass_time(store: Store, ms: int) -> None:
    """So long nobody looks at what is due. Raises StoreUnavailable."""
    for partition in range(store.link.partitions):
        _put_ahead(store.link, f"{keys.prefix(partition)}ahead", 1000 * ms)


def _put_ahead(link: Link, name: str, us: int) -> None:
    link.ask("INCRBY", name, lambda client: client.incrby(name, us))


def _not_yet() -> None:
    pass


class _Transport:
    """Sends in wait(), by the poller's thread. When nothing is left to send it turns the clock."""

    slots = 1

    def __init__(self, send: Send, clock: StoreClock, turning: Turning, to: int, turned: Callable[[], object]) -> None:
        self._send = send
        self._clock = clock
        self._turning = turning
        self._to = to
        self._turned = turned
        self._claim: Claim | None = None
        self._sent_at = time.monotonic()
        self.stop: Callable[[], object] = _not_yet
        #: It was stopped though something is due.
        self.stuck = False

    def submit(self, claim: Claim) -> None:
        self._claim = claim

    def wait(self, seconds: float) -> list[Answer]:
        if self._claim is not None:
            claim, self._claim = self._claim, None
            answer = self._answer(claim)
            self._sent_at = time.monotonic()
            return [answer]
        if seconds > 0:
            self._look()
        return []

    def _look(self) -> None:
        step = self._turning.step(self._to)
        if step is Step.DONE:
            self.stop()
            return
        self._turned()
        if step is Step.TURNED:
            self._sent_at = time.monotonic()
        elif time.monotonic() > self._sent_at + _NOBODY:
            self.stuck = True
            self.stop()
        else:
            time.sleep(_PAUSE)

    def _answer(self, claim: Claim) -> Answer:
        started_at, begun = self._clock.now_us(claim.partition) // 1000, time.monotonic()
        sent = self._send(claim, build(claim, started_at, _UNSIGNED), started_at)
        duration_ms = round(1000 * (time.monotonic() - begun))
        return Answer(claim, started_at, duration_ms, sent.status, sent.headers, sent.body)

    def wake(self) -> None:
        pass

    def close(self) -> None:
        pass
