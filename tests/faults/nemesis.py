"""Everything that goes wrong, on a seeded schedule: one fault at a time, each healed before the next."""

from __future__ import annotations

import hashlib
import random
import signal
import time
from collections.abc import Callable, Iterator, Sequence

from scheduler.store.scripts import source
from tests.bench.processes import Part
from tests.faults.field import Field, Member


def sha(script: str) -> bytes:
    """What a call of this script carries."""
    return hashlib.sha1(source(script).encode()).hexdigest().encode()


def plan(seed: int) -> Iterator[str]:
    """The kinds in a random order, all of them, and again, for ever."""
    chance = random.Random(seed)
    while True:
        yield from chance.sample(list(KINDS), len(KINDS))


class Nemesis:
    """Works on a field with its pollers and two APIs; `pollers` stay as many as they were."""

    def __init__(self, field: Field, apis: Sequence[tuple[int, Part]], seed: int) -> None:
        self.field = field
        self.chance = random.Random(seed)
        self.apis = list(apis)
        self.lease = field.bounds.lease

    def strike(self, kind: str) -> None:
        KINDS[kind](self)

    def one(self) -> Member:
        return self.chance.choice(list(self.field.crew.values()))

    def long(self) -> float:
        """Seconds after which a lease has ended, however fresh it was."""
        return self.lease * self.chance.uniform(1.2, 1.8)

    def short(self) -> float:
        """Seconds that every lease survives."""
        return self.lease * self.chance.uniform(0.05, 0.25)

    def wait(self, seconds: float) -> None:
        """The fault itself."""
        time.sleep(seconds)


# Pollers


def kill_poller(it: Nemesis) -> None:
    it.field.kill(it.one())
    it.wait(it.short())
    it.field.join()


def freeze_poller(it: Nemesis) -> None:
    it.field.freeze(it.one(), it.long())


def blink_poller(it: Nemesis) -> None:
    """Too short to lose anything."""
    member = it.one()
    with it.field.fault("blink", [member]):
        member.part.signal(signal.SIGSTOP)
        it.wait(it.short())
        member.part.signal(signal.SIGCONT)


def cut_poller(it: Nemesis) -> None:
    it.field.stall(it.one(), it.long())


def deafen_poller(it: Nemesis) -> None:
    """What it asks of the store is done, and no reply comes back."""
    member = it.one()
    with it.field.fault("deaf", [member], excuses=True):
        member.wire.deafen()
        it.wait(it.long())
        member.wire.heal()


def restart_pollers(it: Nemesis) -> None:
    """One after the other, in good order: no fault at all."""
    with it.field.fault("rolling restart"):
        for member in list(it.field.crew.values()):
            it.field.join()
            assert it.field.leave(member) == 0


# Wires


def lose_replies(it: Nemesis) -> None:
    """One of each script, of every poller and of the API."""
    with it.field.fault("lost replies"):
        for member in it.field.crew.values():
            for script in ("claim", "settle", "renew", "plan", "runs"):
                member.wire.lose_reply(sha(script))
        for script in ("set", "cancel", "schedule", "run", "unschedule"):
            it.field.api_wire.lose_reply(sha(script))
        it.wait(it.lease)


def reset_wires(it: Nemesis) -> None:
    with it.field.fault("resets"):
        for _ in range(20):
            for wire in (it.field.api_wire, *(member.wire for member in it.field.crew.values())):
                wire.reset()
            it.wait(0.1)


def slow_wires(it: Nemesis) -> None:
    """0.1 s each way: below what a call may take."""
    with it.field.fault("slow"):
        for member in it.field.crew.values():
            member.wire.slow(0.1)
        it.wait(it.lease)
        for member in it.field.crew.values():
            member.wire.heal()


def cut_api(it: Nemesis) -> None:
    with it.field.fault("API cut off"):
        it.field.api_wire.stall()
        it.wait(it.lease)
        it.field.api_wire.heal()


# Receivers


def hostile_receivers(it: Nemesis) -> None:
    """No fault of ours: what it touches is nobody else's timer, and no poller may end of it."""
    with it.field.fault("hostile receivers"):
        it.field.set_hostile(500, it.lease)
        it.wait(1.5 * it.lease)


# The API


def kill_api(it: Nemesis) -> None:
    place = it.chance.randrange(len(it.apis))
    port, part = it.apis[place]
    with it.field.fault("API killed"):
        part.kill()
        it.wait(it.short())
        it.apis[place] = (port, it.field.open_api(port))


# The store


def kill_store(it: Nemesis) -> None:
    with it.field.fault("store killed"):
        it.field.store.kill()
        it.wait(it.chance.choice([it.short(), it.long()]))
        it.field.store.start()


def freeze_store(it: Nemesis) -> None:
    with it.field.fault("store frozen"):
        it.field.store.signal(signal.SIGSTOP)
        it.wait(it.long())
        it.field.store.signal(signal.SIGCONT)


def fill_store(it: Nemesis) -> None:
    client = it.field.store.client()
    with it.field.fault("store full"):
        client.config_set("maxmemory", client.info("memory")["used_memory"] // 2)
        it.wait(it.lease)
        client.config_set("maxmemory", 0)
    client.close()


def demote_store(it: Nemesis) -> None:
    """As a failover does with the old primary: it refuses writes until it is one again."""
    client = it.field.store.client()
    with it.field.fault("store demoted"):
        client.replicaof("127.0.0.1", "1")
        it.wait(it.long())
        client.replicaof("NO", "ONE")
    client.close()


def flush_scripts(it: Nemesis) -> None:
    """And every connection is closed by the store."""
    client = it.field.store.client()
    with it.field.fault("scripts flushed"):
        for _ in range(10):
            client.script_flush()
            client.client_kill_filter(_type="normal", skipme=True)
            it.wait(0.2)
    client.close()


KINDS: dict[str, Callable[[Nemesis], None]] = {
    "kill": kill_poller,
    "freeze": freeze_poller,
    "blink": blink_poller,
    "cut": cut_poller,
    "deaf": deafen_poller,
    "rolling restart": restart_pollers,
    "lost replies": lose_replies,
    "resets": reset_wires,
    "slow": slow_wires,
    "hostile receivers": hostile_receivers,
    "API cut off": cut_api,
    "API killed": kill_api,
    "store killed": kill_store,
    "store frozen": freeze_store,
    "store full": fill_store,
    "store demoted": demote_store,
    "scripts flushed": flush_scripts,
}
