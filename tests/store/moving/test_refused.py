"""What cannot be moved is refused by the option that it is about, before anything is done."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from scheduler import Move, MoveError, Settings
from scheduler.store import keys
from tests.bench.cluster import Cluster
from tests.bench.moving import clients, fill, flush, move, moved, raw
from tests.bench.servers import Server

LAYOUT = keys.layout(0)


def make(commands: str) -> Callable[[Any], None]:
    """What is done to a store before; one command a line."""

    def run(client: Any) -> None:
        for line in commands.splitlines():
            client.execute_command(*line.split())

    return run


def layout(text: str) -> Callable[[Any], None]:
    return lambda client: client.set(LAYOUT, text)


#: What is done to the source, and to the target; and what is said.
CASES: dict[str, tuple[Callable[[Any], None], Callable[[Any], None], str]] = {
    "an empty source": (make("FLUSHALL"), make("PING"), "--from: no timer service has used the store there"),
    "a source of before 0.2.0": (layout("format=0 "), make("PING"), "--from: .* before 0.2.0"),
    "a source of a later format": (
        layout("format=2 partitions=1 born=1"),
        make("PING"),
        r"--from: .* reads up to format 1",
    ),
    "a source that goes by a virtual clock": (
        layout("format=1 clock=virtual partitions=1 born=1"),
        make("PING"),
        "--from: .* virtual clock",
    ),
    "a source with keys of a later version": (
        make("SET timers:{0}:new 1"),
        make("PING"),
        r"--from: .* what the key 'timers:\{0\}:new' is",
    ),
    "a source that was moved": (
        layout("format=1 partitions=1 born=1 moved=redis://x:1/0 move=1 there=2"),
        make("PING"),
        "--from: the store was moved to redis://x:1/0 already",
    ),
    "a source that is being moved elsewhere": (
        layout("format=1 partitions=1 born=1 moved=redis://x:1/0 moving=1"),
        make("PING"),
        "--to: the store is being moved to redis://x:1/0 already",
    ),
    "a target that is served": (
        make("PING"),
        layout("format=1 partitions=1 born=1"),
        "--to: a store is there already",
    ),
    "a target with keys of ours and no layout": (
        make("PING"),
        make("SET timers:{0}:timer:x 1"),
        "--to: the store there is not empty",
    ),
    "a target that another move fills": (
        make("PING"),
        layout("format=1 filling=1 partitions=1 born=1 from=redis://x:1/0"),
        "--to: .* part of another move, from redis://x:1/0",
    ),
    "a target with too little room": (
        make("PING"),
        make("CONFIG SET maxmemory-policy noeviction\nCONFIG SET maxmemory 1000000"),
        "--to: .* bytes are to be moved, and the store there has room for ",
    ),
    "a target that may throw timers away": (
        make("PING"),
        make("CONFIG SET maxmemory 10gb\nCONFIG SET maxmemory-policy allkeys-lru"),
        "--to: .* maxmemory-policy to noeviction",
    ),
}


@pytest.fixture
def filled(one: Server) -> Server:
    fill(one, 20)
    return one


@pytest.mark.parametrize("case", CASES)
def test_what_cannot_be_moved_is_refused_and_nothing_is_done(filled: Server, other: Server, case: str) -> None:
    to_source, to_target, said = CASES[case]
    (source,), (target,) = clients(filled), clients(other)
    to_source(source)
    to_target(target)
    before = raw(filled), raw(other)
    try:
        it = move(filled, other, 4)
        with pytest.raises(MoveError, match=said):
            it.run()
        with pytest.raises(MoveError, match=said):
            raise MoveError("; ".join(it.survey().refusals))
        it.close()
        assert (raw(filled), raw(other)) == before
    finally:
        target.config_set("maxmemory", 0)
        target.config_set("maxmemory-policy", "noeviction")


def test_a_store_is_not_moved_to_itself_by_whatever_name(filled: Server) -> None:
    before = raw(filled)
    with pytest.raises(MoveError, match="--to: a store is there already"):
        moved(filled, filled, 4)
    assert raw(filled) == before


@pytest.mark.parametrize(
    ("side", "command"),
    [("--from", "scan"), ("--from", "zscore"), ("--from", "pttl"), ("--to", "zadd"), ("--to", "set"), ("--to", "scan")],
)
def test_an_access_list_that_forbids_what_is_needed_is_met_before_the_fence(
    filled: Server, other: Server, side: str, command: str
) -> None:
    before = raw(filled), raw(other)
    place = filled if side == "--from" else other
    (admin,) = clients(place)
    admin.execute_command("ACL", "SETUSER", "mover", "reset", "on", ">secret", "~*", "&*", "+@all", f"-{command}")
    urls = {"--from": filled.url, "--to": other.url}
    urls[side] = f"unix://mover@{place.socket}?password=secret"
    try:
        it = Move(Settings(redis_url=urls["--from"], partitions=4), urls["--to"], patience=1)
        with pytest.raises(MoveError, match=f"^{side}: .*{command}"):
            it.run()
        it.close()
        assert (raw(filled), raw(other)) == before
    finally:
        admin.acl_deluser("mover")


def test_who_has_no_rights_at_all_is_told_so_at_once(filled: Server, other: Server) -> None:
    began = time.monotonic()
    it = Move(Settings(redis_url=filled.url), f"unix://nobody@{other.socket}?password=wrong", patience=600)
    with pytest.raises(MoveError, match=r"^--to: .*(WRONGPASS|invalid username-password)"):
        it.run()
    it.close()
    assert time.monotonic() - began < 300


def test_a_store_that_is_away_is_waited_for_and_then_named(filled: Server) -> None:
    it = Move(Settings(redis_url=filled.url), "redis://127.0.0.1:1/0", patience=0.1)
    with pytest.raises(MoveError, match=r"^--to: the store is away"):
        it.run()
    it.close()


def test_a_look_tells_what_there_is_and_does_nothing(filled: Server, nodes: Cluster) -> None:
    before = raw(filled)
    it = move(filled, nodes)
    found = it.survey()
    it.close()
    assert found.counts == {"timers": 20, "schedules": 1, "rules of destinations": 1, "idempotency keys": 1}
    assert found.partitions == (1, 16)
    assert found.refusals == []
    assert found.bytes
    assert found.versions[0].startswith("valkey ")
    assert abs(found.clock_ahead) < 60_000
    assert raw(filled) == before
    assert raw(nodes) == {}
    flush(nodes)
