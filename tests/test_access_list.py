"""What a poller does where the store's access list forbids it something: it works fully, or sends nothing.

Tried: each command of the least list that suffices taken away, at the start and while attempts are under way; INFO and
the doorbell's commands, without which it works; no channels; keys of another name; a first start and a later one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from scheduler import Draft, Outcome, Poller, Settings, Store, StoreUnavailable, Webhook
from scheduler.store.scripts import source
from tests.bench.servers import BINARIES, Server
from tests.bench.transports import HandTransport

#: What suffices for a poller.
NEEDED = """
    evalsha script|load del exists get getrange hdel hget hincrby hmget hset lindex lpush ltrim mget rpush set strlen
    time zadd zcard zcount zrange zrangebyscore zrem zscore
""".split()  # noqa: SIM905
#: What it uses and can do without.
USED = ["info", "ping", "spublish", "ssubscribe"]


class Guarded:
    """A store whose pollers are a user of its own."""

    def __init__(self, server: Server) -> None:
        self.admin: Any = server.client()
        self.timers = Store(Settings(redis_url=server.url, store_timeout=5)).timers
        self._url = f"unix://poller@{server.socket}?password=secret"

    def allow(self, commands: list[str], *, keys: str = "~timers:*", channels: str = "&timers:*") -> None:
        rules = ["reset", "on", ">secret", keys, channels, *(f"+{command}" for command in commands)]
        self.admin.execute_command("ACL", "SETUSER", "poller", *rules)

    def set(self) -> None:
        """Three timers that are due; one has a key and a tag, one is to be tried once only."""
        key = self.timers.new_id()
        self.timers.set(
            Draft(id=self.timers.new_id(key), webhook=Webhook(url="http://a/"), delay_ms=0, key=key, tags=("t",)),
            Draft(id=self.timers.new_id(), webhook=Webhook(url="http://a/"), delay_ms=0),
            Draft(id=self.timers.new_id(), webhook=Webhook(url="http://b/", max_attempts=1), delay_ms=0),
        )

    def poller(self) -> tuple[Poller, HandTransport]:
        store, transport = (
            Store.for_poller(Settings(redis_url=self._url, store_timeout=5, lease=1)),
            HandTransport(slots=16),
        )
        return Poller(store.claims("one", share=4), transport, name="one", lease=1, grace=0), transport


@pytest.fixture(scope="module", params=["valkey", "redis"])
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    binary = BINARIES[request.param]
    if binary is None:
        pytest.skip(f"{request.param}-server is not installed")
    running = Server(binary).start()
    yield running
    running.remove()


@pytest.fixture
def guarded(server: Server) -> Guarded:
    server.client().flushall()
    return Guarded(server)


def passes(poller: Poller, transport: HandTransport, times: int = 4) -> list[str]:
    """What the store said against each pass; whatever was sent is answered."""
    said = []
    for _ in range(times):
        try:
            poller.run_once()
        except StoreUnavailable as error:
            said.append(str(error))
        for claim in list(poller._in_flight.values()):
            transport.end(claim, 500 if claim.webhook.max_attempts == 1 else 204)
        poller._collect(transport.wait(0))
    return said


@pytest.mark.parametrize("without", [*NEEDED, *USED])
def test_without_one_command_a_poller_works_fully_or_sends_nothing_and_says_why(guarded: Guarded, without: str) -> None:
    guarded.allow([command for command in NEEDED + USED if command != without])
    guarded.admin.script_flush()
    guarded.set()
    poller, transport = guarded.poller()
    said = passes(poller, transport)
    if without in USED:
        assert (said, len(transport.sent)) == ([], 3)
        assert (guarded.timers.stats().delivered, guarded.timers.stats().failed) == (2, 1)
    else:
        assert transport.sent == []
        assert len(said) == 4
        assert "script" in said[0].lower() or without.upper() in said[0].upper()
    guarded.allow(NEEDED + USED)  # the list is mended
    assert passes(poller, transport) == []
    assert sorted({claim.id for claim in transport.sent}) == sorted(claim.id for claim in transport.sent)
    assert (guarded.timers.stats().delivered, guarded.timers.stats().failed) == (2, 1)


def test_without_its_keys_a_poller_sends_nothing_and_without_channels_it_works(guarded: Guarded) -> None:
    guarded.allow(NEEDED + USED, keys="~others:*")
    guarded.set()
    poller, transport = guarded.poller()
    assert len(passes(poller, transport)) == 4
    assert transport.sent == []
    guarded.allow(NEEDED + USED, channels="resetchannels")
    assert passes(poller, transport) == []
    assert len(transport.sent) == 3


@pytest.mark.parametrize("without", ["hset", "lpush", "hdel", "zrem", "time"])
def test_a_command_forbidden_while_attempts_run_stops_all_claims_and_nothing_is_sent_twice(
    guarded: Guarded, without: str
) -> None:
    guarded.allow(NEEDED + USED)
    guarded.set()
    poller, transport = guarded.poller()
    poller.run_once()
    for claim in transport.sent:
        transport.end(claim)
    poller._collect(transport.wait(0))
    guarded.allow([command for command in NEEDED + USED if command != without])
    guarded.set()
    other, others = guarded.poller()
    assert len(passes(poller, transport)) == 4
    assert len(passes(other, others)) == 4
    assert (len(transport.sent), others.sent) == (3, [])
    guarded.allow(NEEDED + USED)
    assert passes(poller, transport) == []
    assert len({claim.id for claim in transport.sent}) == len(transport.sent) == 6
    assert {attempt.outcome for claim in transport.sent for attempt in guarded.timers.attempts(claim.id)} >= {
        Outcome.DELIVERED
    }


@pytest.mark.parametrize("known", ["claim", "settle", "renew", "release"])
def test_scripts_that_are_partly_there_and_cannot_be_loaded_send_nothing(guarded: Guarded, known: str) -> None:
    """As another version left them."""
    guarded.admin.script_flush()
    guarded.admin.script_load(source(known))
    guarded.admin.script_load(source("permissions"))
    guarded.allow([command for command in NEEDED + USED if command != "script|load"])
    guarded.set()
    poller, transport = guarded.poller()
    assert len(passes(poller, transport)) == 4
    assert transport.sent == []


def test_every_command_of_the_pollers_scripts_is_asked_about() -> None:
    scripts = {script: source(script) for script in ("claim", "settle", "renew", "release", "plan", "runs")}
    used = {word for text in scripts.values() for word in re.findall(r"(?:redis\.call|many)\('([A-Z]+)'", text)}
    asked = set(re.findall(r"(?:\{ |check\()'([A-Z]+)'", source("permissions")))
    assert used == asked
    assert {command.lower() for command in asked} == set(NEEDED) - {"evalsha", "script|load"}
