"""Where everything goes wrong: a store, APIs and pollers behind wires, a sink, and the record of what is done to it."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from scheduler import Backoff, BreakerMode, DestinationSettings, Draft, Settings, Status, Store, Webhook
from scheduler.store.scripts import source
from tests.bench.processes import COMMAND, Part, Service, free_port, wait_until
from tests.bench.servers import BINARIES, Server
from tests.faults import places
from tests.faults.history import (
    Bounds,
    Break,
    Cancel,
    Create,
    Fault,
    History,
    Limit,
    Outage,
    Pause,
    Planned,
    Snapshot,
    Verdict,
)
from tests.faults.received import Received, secret_of
from tests.faults.stored_schedules import as_stored
from tests.faults.wire import Net, Wire

_ROOT = "timers:{0}:scheduled"


@dataclass
class Member:
    """One poller process."""

    name: str
    part: Part
    wire: Wire


@dataclass
class Record:
    """The history while it is being made; only ever appended to, but for schedules, and the last limit, pause and
    outage of a destination: of each what is known by now."""

    creates: list[Create] = field(default_factory=list)
    cancels: list[Cancel] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    snapshots: list[Snapshot] = field(default_factory=list)
    schedules: dict[str, Planned] = field(default_factory=dict)
    limits: list[Limit] = field(default_factory=list)
    pauses: list[Pause] = field(default_factory=list)
    outages: list[Outage] = field(default_factory=list)
    breaks: list[Break] = field(default_factory=list)


class Field(Service):
    def __init__(self, folder: Path, bounds: Bounds, **environ: str) -> None:
        # With everysec a store on a slow disk answers before it has written: a kill -9 loses that, like a power loss.
        # `make faults` saw it: an acknowledged cancel and two settles of the last 10 ms were gone.
        assert BINARIES["valkey"] is not None
        store = Server(BINARIES["valkey"], "--appendfsync", "always").start()
        super().__init__(folder, store, TIMER_LEASE=str(bounds.lease), TIMER_KEEP_FINISHED="10000000", **environ)
        self.bounds = bounds
        self.record = Record()
        self.crew: dict[str, Member] = {}
        self.net = Net(self.store.folder)
        self._received = Received(folder)
        self.url_of, self.own_url = self._received.url_of, self._received.own_url
        self.hits, self.arrived = self._received.hits, self._received.arrived
        self._hostile: subprocess.Popen[bytes] | None = None
        self._hostile_port = 0
        self.api_wire = self.net.wire(self.store.socket)

    def processes(self) -> Iterator[tuple[int, frozenset[str]]]:
        """Each with the names of the pollers that wait where it gets no CPU."""
        for member in list(self.crew.values()):
            yield member.part.process.pid, frozenset({member.name})
        # All wait for the store, and what arrives late at the receiver looks late.
        for pid in (self.store.pid, self._received.pid):
            yield pid, frozenset()

    def set_timers(
        self, count: int, delay: float, hold_ms: int = 0, *more: str, first: int | None = None, **webhook: Any
    ) -> list[str]:
        """Timers straight into the store, each of its own number (from `first` on), in the record like any create."""
        first = len(self.record.creates) if first is None else first
        drafts = [
            Draft(
                id=self.timers.new_id(),
                webhook=Webhook(url=self.url_of(number, hold_ms, *more, host=number), **webhook),
                delay_ms=round(1000 * delay),
            )
            for number in range(first, first + count)
        ]
        start = time.time()
        for n in range(0, count, 200):
            for number, timer in enumerate(self.timers.set(*drafts[n : n + 200]), first + n):
                self.record.creates.append(
                    Create(
                        number=number,
                        start=start,
                        end=time.time(),
                        verdict=Verdict.OK,
                        delay=delay,
                        timer_id=timer.id,
                        due_at=timer.due_at / 1000,
                        expires_at=None if (expiry := timer.webhook.expiry(timer.due_at)) is None else expiry / 1000,
                        calls=frozenset(end for end in ("delivered", "failed") if webhook.get(f"on_{end}")),
                    )
                )
        return [draft.id for draft in drafts]

    def set_hostile(self, count: int, seconds: float, kind: str = "", host: int = 0) -> None:
        """Timers for a receiver that does whatever one can do, spread over so many seconds; nobody expects any of them.

        All of one kind (tests/bench/hostile_receiver.py) if it is said, and to one host, which no breaker spares.
        """
        port = self._open_hostile_receiver()
        if host:
            self._never_broken(f"http:127.0.0.{host}:{port}")
        drafts = []
        for number in range(count):
            url = f"http://127.0.0.{host or 1 + number % 100}:{port}/{number}" + (f"/{kind}" if kind else "")
            webhook = Webhook(url=url, timeout=1, max_attempts=2, backoff=Backoff(steps=(0.5,)))
            delay_ms = round(1000 * seconds * number / count)
            drafts.append(Draft(id=self.timers.new_id(), webhook=webhook, delay_ms=delay_ms))
        for n in range(0, count, 500):
            self.timers.set(*drafts[n : n + 500])

    def _never_broken(self, destination_id: str) -> None:
        store = Store(Settings(redis_url=self.store.url))
        store.destinations.put(destination_id, DestinationSettings(breaker=BreakerMode.OFF))
        store.close()

    # Processes

    def _open_hostile_receiver(self) -> int:
        if not self._hostile_port:
            self._hostile_port = free_port()
            command = (sys.executable, "-m", "tests.bench.hostile_receiver", str(self._hostile_port), "1")
            self._hostile = subprocess.Popen(command, stdout=subprocess.PIPE)
            assert self._hostile.stdout is not None
            assert self._hostile.stdout.readline() == b"ready\n"
        return self._hostile_port

    def join(
        self,
        bug: str = "",
        *,
        tree: Path | None = None,
        before: Sequence[str] = (),
        lose: bytes = b"",
        hang: bool = False,
        **environ: str,
    ) -> Member:
        """One more poller; `before`: what its command is run by; `lose`, `hang`: see Wire.lose_reply; `tree`: see
        _command()."""
        name = self._received.sign_as_next()
        wire = self.net.wire(self.store.socket)
        if lose:
            wire.lose_reply(lose, hang=hang)
        environ |= {"TIMER_REDIS_URL": wire.url, "TIMER_SIGNING_SECRETS": secret_of(name)}
        self.crew[name] = Member(name, self.poller(command=(*before, *_command(bug, tree)), **environ), wire)
        return self.crew[name]

    def open_api(self, port: int = 0, bug: str = "", tree: Path | None = None, **environ: str) -> Part:
        environ |= {"TIMER_REDIS_URL": self.api_wire.url, "TIMER_PORT": str(port or free_port())}
        return self.api(command=_command(bug, tree), **environ)

    def leave(self, member: Member) -> int:
        """In good order; returns the exit code."""
        del self.crew[member.name]
        return member.part.stop()

    # Faults

    @contextmanager
    def fault(self, kind: str, members: Iterable[Member] = (), *, excuses: bool = False) -> Iterator[None]:
        """Record what is done to them meanwhile. It excuses repeats only if it lasts for longer than half a lease."""
        names = frozenset(member.name for member in members)
        start = time.time()
        yield
        end = time.time()
        excuses = excuses and end - start > self.bounds.lease / 2
        self.record.faults.append(Fault(kind=kind, start=start, end=end, pollers=names, excuses=excuses))

    def known(self, *scripts: str) -> None:
        """Load them, so that the reply that is lost is not one that says NOSCRIPT."""
        client = self.store.client()
        for script in scripts:
            client.script_load(source(script))
        client.close()

    def kill(self, member: Member) -> None:
        """kill -9."""
        self.crew.pop(member.name, None)
        start = time.time()
        member.part.kill()
        names = frozenset({member.name})
        self.record.faults.append(Fault(kind="kill", start=start, end=time.time(), pollers=names, excuses=True))

    def freeze(self, member: Member, seconds: float, also: Callable[[], object] = lambda: True) -> None:
        """For so long, and until what is to happen meanwhile has."""
        with self.fault("freeze", [member], excuses=True):
            member.part.signal(signal.SIGSTOP)
            time.sleep(seconds)  # the fault itself
            wait_until(also, 60, "what was to happen behind its back")
            member.part.signal(signal.SIGCONT)

    def stall(self, member: Member, seconds: float, also: Callable[[], object] = lambda: True) -> None:
        """For so long, and until what is to happen meanwhile has."""
        with self.fault("cut", [member], excuses=True):
            member.wire.stall()
            time.sleep(seconds)  # the fault itself
            wait_until(also, 60, "what was to happen behind its back")
            member.wire.heal()

    # What happened

    def snapshot(self) -> Snapshot:
        client = self.store.client()
        found = places.snapshot(client, _ROOT)
        client.close()
        return found

    def settled(self, seconds: float) -> bool:
        """Wait until no timer is left that has not ended; says whether it came to that."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            stats = self.timers.stats()
            if stats.scheduled + stats.delivering == 0:
                return True
            time.sleep(0.05)
        return False

    def history(self, *, forget: bool = True) -> History:
        """Of what has been recorded, once the scenario is over."""
        record = self.record
        record.snapshots.append(last := self.snapshot())
        ends = {timer_id: place.partition(":")[0] for place, ids in last.places.items() for timer_id in ids}
        failed = last.places.get(Status.FAILED, ())
        reasons = {timer_id: str(self.timers.get(timer_id).reason or "") for timer_id in failed}
        return History(
            bounds=self.bounds,
            creates=tuple(record.creates),
            cancels=tuple(record.cancels),
            hits=tuple(self.hits()),
            faults=tuple(record.faults),
            snapshots=tuple(record.snapshots),
            ends=ends,
            reasons=reasons,
            callbacks=self._callbacks(last) if any(create.calls for create in record.creates) else (),
            limits=tuple(record.limits),
            pauses=tuple(record.pauses),
            outages=tuple(record.outages),
            breaks=tuple(record.breaks),
            schedules=tuple(as_stored(record.schedules.values(), self.store.url)),
            deaths=tuple(name for name, member in self.crew.items() if member.part.process.poll() is not None),
            left=self._left() if forget else None,
        )

    def _callbacks(self, last: Snapshot) -> tuple[str, ...]:
        """One look at each timer: not for the load of a long run."""
        found = (self.timers.get(timer_id).callback_for for timer_id in last.records)
        return tuple(timer_id for timer_id in found if timer_id is not None)

    def _left(self) -> tuple[str, ...]:
        """The keys that remain once every finished timer is forgotten."""
        store = Store(
            Settings(
                redis_url=self.store.url,
                store_timeout=10,
                lease=1,
                keep_delivered=0,
                keep_failed=0,
                keep_finished=0,
            )
        )
        while names := [it.name for it in store.schedules.page().schedules]:
            for name in names:
                store.schedules.delete(name)
        claims, client = store.claims("forgetful", share=1), store.link.client
        while any(client.zcard(_ROOT.replace("scheduled", end)) for end in ("delivered", "failed", "cancelled")):
            claims.claim(256, ())
        keys = tuple(sorted(key.decode() for key in client.scan_iter(count=1000)))
        store.close()
        return keys

    def remove(self) -> None:
        super().remove()
        self._received.close()
        if self._hostile:
            self._hostile.kill()
            self._hostile.communicate()
        self.net.close()


def _command(bug: str, tree: Path | None = None) -> tuple[str, ...]:
    """The product's own command, or one with a planted bug, or that of another checkout."""
    if tree is not None:  # -P: what stands in the working directory is not it
        return ("env", f"PYTHONPATH={tree}", sys.executable, "-P", "-m", "timer_service")
    return (sys.executable, "-m", "tests.faults.planted", bug) if bug else (COMMAND,)
