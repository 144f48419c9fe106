"""Where everything goes wrong: a store, APIs and pollers behind wires, a sink, and the record of what is done to it."""

from __future__ import annotations

import hashlib
import hmac
import json
import signal
import subprocess
import sys
import time
from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from scheduler import Backoff, BreakerMode, DestinationSettings, Draft, Settings, Status, Store, Webhook, rfc3339
from scheduler.store.scripts import source
from tests.bench.processes import COMMAND, Part, Service, accepts, free_port, wait_until
from tests.bench.servers import BINARIES, Server
from tests.faults.history import (
    Bounds,
    Break,
    Cancel,
    Create,
    Fault,
    History,
    Hit,
    Limit,
    Outage,
    Pause,
    Planned,
    Snapshot,
    Verdict,
)
from tests.faults.sink import HOSTS, OF_THEIR_OWN
from tests.faults.stored_schedules import as_stored
from tests.faults.wire import Net, Wire

#: All places of all timers at one moment. KEYS[1]: timers:{p}:scheduled.
_SNAPSHOT = """#!lua flags=no-writes
local root = string.match(KEYS[1], '^timers:{%d+}:')
local places = {}
for _, set in ipairs({ 'scheduled', 'delivering', 'delivered', 'failed', 'cancelled' }) do
  places[#places + 1] = { set, redis.call('ZRANGE', root .. set, 0, -1) }
end
for _, index in ipairs({ 'waiting', 'behind' }) do
  for _, tag in ipairs(redis.call('ZRANGE', root .. index, 0, -1)) do
    places[#places + 1] = { 'waiting:' .. tag, redis.call('ZRANGE', root .. 'waiting:' .. tag, 0, -1) }
  end
end
local claimed, progress = {}, redis.call('HGETALL', root .. 'progress')
for n = 1, #progress, 2 do
  if string.find(progress[n + 1], '^[^\\n]* claim=') then claimed[#claimed + 1] = progress[n] end
end
return { places, redis.call('KEYS', root .. 'timer:*'), claimed }
"""
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
        self._secrets: dict[str, bytes] = {}
        self._port = free_port()
        self._hits = folder / "hits"
        command = (sys.executable, "-m", "tests.faults.sink", str(self._port))
        with self._hits.open("wb") as out:
            self._sink = subprocess.Popen(command, stdout=out)
        wait_until(lambda: accepts(self._port, host=f"127.0.0.{HOSTS + OF_THEIR_OWN}"), 20, "a sink")
        self._hostile: subprocess.Popen[bytes] | None = None
        self._hostile_port = 0
        self.api_wire = self.net.wire(self.store.socket)

    @property
    def sink_pid(self) -> int:
        return self._sink.pid

    def url_of(self, number: int, hold_ms: int = 0, *more: str, host: int = 0) -> str:
        """Where a timer of this number is sent, to be answered after so many ms."""
        path = "/".join(map(str, (number, hold_ms, *more)))
        return f"http://127.0.0.{1 + host % HOSTS}:{self._port}/{path}"

    def own_url(self, host: int, *path: object) -> str:
        """At a destination that something may be set for: the load sends nothing there."""
        return f"http://127.0.0.{1 + HOSTS + host % OF_THEIR_OWN}:{self._port}/{'/'.join(map(str, path))}"

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
        name = f"p{len(self._secrets)}"
        self._secrets[name] = _key_of(name)
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
        places, records, claimed = client.eval(_SNAPSHOT, 1, _ROOT)
        client.close()
        return Snapshot(
            at=time.time(),
            places={name.decode(): tuple(map(bytes.decode, ids)) for name, ids in places},
            records=frozenset(key.decode().rpartition(":")[2] for key in records),
            claimed=frozenset(map(bytes.decode, claimed)),
        )

    def hits(self) -> list[Hit]:
        """All so far."""
        *lines, _ = self._hits.read_bytes().split(b"\n")
        likely = list(self._secrets)
        return [self._hit(json.loads(line), likely) for line in lines]

    def arrived(self, count: int, seconds: float) -> list[Hit]:
        """Wait until so many have come."""

        def counted() -> bool:
            return self._hits.read_bytes().count(b"\n") >= count

        wait_until(counted, seconds, f"{count} webhooks; there are {len(self.hits())}")
        return self.hits()

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

    def _hit(self, said: dict[str, Any], likely: list[str]) -> Hit:
        headers = said["headers"]
        signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.{said['body']}".encode("latin-1")
        poller = None
        for place, name in enumerate(likely):
            mac = b64encode(hmac.digest(self._secrets[name], signed, "sha256")).decode()
            if headers.get("webhook-signature") == f"v1,{mac}":
                poller = name
                likely.insert(0, likely.pop(place))  # the next is probably of the same one
                break
        return Hit(
            at=said["at"],
            until=said["until"],
            status=said["status"],
            number=said["number"],
            timer_id=headers["webhook-id"],
            attempt=int(headers["timer-attempt"]),
            redelivery=headers.get("timer-redelivery"),
            poller=poller,
            schedule=(schedule := headers.get("timer-schedule")),
            due_at=0 if schedule is None else rfc3339.parse(headers["timer-due-at"]),
            destination=f"http:{said['host']}:{self._port}",
        )

    def remove(self) -> None:
        super().remove()
        self._sink.kill()
        self._sink.wait()
        if self._hostile:
            self._hostile.kill()
            self._hostile.communicate()
        self.net.close()


def secret_of(name: str) -> str:
    """What the poller of this name signs with."""
    return f"whsec_{b64encode(_key_of(name)).decode()}"


def _key_of(name: str) -> bytes:
    return hashlib.sha256(name.encode()).digest()


def _command(bug: str, tree: Path | None = None) -> tuple[str, ...]:
    """The product's own command, or one with a planted bug, or that of another checkout."""
    if tree is not None:  # -P: what stands in the working directory is not it
        return ("env", f"PYTHONPATH={tree}", sys.executable, "-P", "-m", "timer_service")
    return (sys.executable, "-m", "tests.faults.planted", bug) if bug else (COMMAND,)
