"""A store that refuses: by its access list, its age, its role. Nothing is called undone that may have been done, and
`/readyz` says by name what is missing.

Tried: no channel, another channel, no key pattern for timers, each single command
taken away, a wrong password, a user without INFO, a server that speaks as Redis 6.2 does, a replica, the node of a
cluster that has half of the slots.
"""

from __future__ import annotations

import logging
import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from itertools import count

import pytest
import redis
from flask.testing import FlaskClient

from scheduler import Draft, Link, Settings, StoreUnavailable, StoreUnsuitable, Timers, Webhook, connect
from scheduler.store.health import Health
from tests.bench.pages import page
from tests.bench.servers import BINARIES, Server
from timer_service import create_app

#: The smallest access list that suffices; docs/operations.md says the same.
_COMMANDS = """
evalsha script|load get set del getrange strlen exists mget zadd zrem zrange zrangebyscore zscore zcard zcount hget
hgetall hset hdel hmget hincrby rpush lpush lrange ltrim lindex time info spublish ssubscribe ping
"""
COMMANDS = _COMMANDS.split()
PLACES = ("~timers:*", "&timers:*")
HOOK = {"url": "http://localhost:9000/hook", "hours": 1}


def user(server: Server, *rules: str) -> Link:
    """A link of a user that may do what these rules say."""
    client = server.client()
    client.execute_command("ACL", "SETUSER", "limited", "reset", "on", ">secret", *rules)  # type: ignore[no-untyped-call]
    return Link(connect(f"unix://limited:secret@{server.socket}", 5))


def web(link: Link) -> FlaskClient:
    return create_app(Settings(), link).test_client()


def minimal(without: str = "") -> list[str]:
    return [*PLACES, "-@all", *(f"+{command}" for command in COMMANDS if command != without)]


def test_the_smallest_access_list_is_that_of_the_page_and_is_enough(server: Server) -> None:
    assert " ".join(minimal()) in " ".join(page("operations.md").read_text().split())
    http = web(user(server, *minimal()))
    (unsigned,) = http.get("/readyz").get_json()["warnings"]
    assert "TIMER_SIGNING_SECRETS" in unsigned
    for headers in ({}, {"Idempotency-Key": "one"}):
        timer = http.post("/timers", json=HOOK, headers=headers).get_json()["id"]
        assert http.get(f"/timers/{timer}").status_code == 200
        assert http.delete(f"/timers/{timer}").status_code == 204
    assert http.post("/destinations/http:localhost:9000/pause").status_code == 200
    for path in ("/timers", "/timers?status=cancelled", "/stats", "/metrics", "/destinations"):
        assert http.get(path).status_code == 200


def test_each_command_that_is_taken_away_is_named_by_readyz(server: Server) -> None:
    """But INFO, without which the service works, and warns that it knows less."""
    for command in COMMANDS:
        answer = web(user(server, *minimal(without=command))).get("/readyz")
        if command == "info":
            assert answer.status_code == 200
            assert "INFO" in answer.get_json()["warnings"][0]
        else:
            assert (answer.status_code, command in answer.get_json()["detail"]) == (503, True), (command, answer.text)


@pytest.mark.parametrize(
    ("rules", "named"),
    [
        (("~*", "+@all"), "spublish on timers:{0}:bell"),
        (("~*", "+@all"), "ssubscribe on timers:{0}:bell"),
        (("~*", "&other", "+@all"), "spublish on timers:{0}:bell"),
        (("~others:*", "&*", "+@all"), "set on timers:{0}:probe"),
        (("~others:*", "&*", "+@all"), "evalsha on timers:{0}:scheduled"),
    ],
)
def test_a_place_that_is_missing_is_named_by_readyz(server: Server, rules: tuple[str, ...], named: str) -> None:
    answer = web(user(server, *rules)).get("/readyz")
    assert (answer.status_code, named in answer.get_json()["detail"]) == (503, True), answer.text


def test_without_the_doorbells_channel_a_timer_is_set_once_and_called_set(server: Server) -> None:
    """Redis 7's default for a new user. The refusal came after the write, and the answer said that nothing was done."""
    http = web(user(server, "~*", "+@all"))
    assert [http.post("/timers", json=HOOK).status_code for _ in range(3)] == [201] * 3
    assert http.get("/stats").get_json()["scheduled"] == 3
    assert "timer_refused_rings_total 1.0" in http.get("/metrics").text  # the others were not the earliest


def test_what_a_script_left_half_done_is_not_called_undone_and_a_repeat_completes_it(server: Server) -> None:
    link = user(server, *minimal(without="zadd"))
    timers = Timers(link, keep_cancelled_ms=1000)
    draft = Draft(id=timers.new_id(), webhook=Webhook(url="http://h/"), delay_ms=60_000)
    with pytest.raises(StoreUnavailable) as raised:
        timers.set(draft)
    assert raised.value.maybe_done
    user(server, *minimal())
    timers.set(draft)
    assert timers.stats().scheduled == 1
    assert timers.get(draft.id).due_at > timers.get(draft.id).created_at


def test_readiness_of_one_who_may_not_read_the_layout_leaves_it_to_the_others(server: Server) -> None:
    """It wrote one of its own, and all others said that the store had come back empty."""
    health = Health(Link(connect(server.url, 5)), clock=count().__next__)
    before = health.check().warnings
    Health(user(server, *minimal(without="get"))).check()
    assert health.check().warnings == before


@pytest.mark.parametrize("without", ["evalsha", "script|load"])
def test_what_was_refused_before_it_began_is_called_undone(server: Server, without: str) -> None:
    server.client().script_flush()
    link = user(server, *minimal(without=without))
    with pytest.raises(StoreUnavailable) as raised:
        link.run("stats", 0)
    assert not raised.value.maybe_done


@pytest.mark.parametrize("who", ["limited:wrong@", "limited@", "nobody:secret@"])
def test_a_wrong_password_is_a_refusal_and_nothing_was_done(server: Server, who: str) -> None:
    user(server, *minimal())
    link = Link(connect(f"unix://{who}{server.socket}", 5))
    with pytest.raises(
        StoreUnavailable, match=r"[^.]; its URL must name a user or a password that it knows$"
    ) as raised:
        link.run("stats", 0)
    assert (raised.value.maybe_done, raised.value.kind) == (False, "noperm")


def test_whoever_says_no_password_to_a_store_that_wants_one_is_told_where_it_belongs(own_server: Server) -> None:
    admin = own_server.client()
    admin.config_set("requirepass", "secret")
    try:
        with pytest.raises(StoreUnavailable, match=r"its URL must name a user or a password that it knows$") as raised:
            Link(connect(own_server.url, 5)).run("stats", 0)
        assert (raised.value.maybe_done, raised.value.kind) == (False, "noperm")
    finally:
        admin.config_set("requirepass", "")


def test_a_refusal_is_logged_once_and_each_is_counted(server: Server, caplog: pytest.LogCaptureFixture) -> None:
    http = web(user(server, *minimal(without="hset")))
    with caplog.at_level(logging.WARNING):
        for _ in range(5):
            assert http.post("/timers", json={**HOOK, "key": "k"}).status_code == 503
    (line,) = [it.getMessage() for it in caplog.records if "refuses" in it.getMessage()]
    assert "script set" in line
    assert 'timer_store_refusals_total{kind="noperm"} 5.0' in http.get("/metrics").text


def test_readyz_tries_every_command_that_a_script_uses() -> None:
    lua = files("scheduler.store") / "lua"
    texts = {it.name: it.read_text() for it in (*lua.iterdir(), *(lua / "shared").iterdir()) if it.is_file()}
    used = {word for text in texts.values() for word in re.findall(r"(?:redis\.p?call|many)\('(\w+)'", text)}
    tried = set(re.findall(r"(?:\{|try\() ?'([A-Z]+)'", texts["check.lua"]))
    assert used - {"INFO"} <= tried


def test_readyz_without_a_key_costs_one_write_a_second_at_most(server: Server) -> None:
    now = 0.0
    link = Link(connect(server.url, 5))
    health = Health(link, clock=lambda: now)
    client = server.client()

    def writes() -> int:
        return int(client.info("commandstats").get("cmdstat_evalsha", {}).get("calls", 0))

    health.check()
    before = writes()
    for _ in range(20):
        health.check()
    assert writes() == before
    now += 1
    health.check()
    assert writes() == before + 1


@contextmanager
def old_redis() -> Iterator[str]:
    """A server that says of itself what Redis 6.2 does, and knows no scripts that begin with `#!lua`."""
    info = b"# Server\r\nredis_version:6.2.14\r\nredis_mode:standalone\r\nrole:master\r\n"
    refusal = b"-ERR Error compiling script (new function): user_script:1: unexpected symbol near '#' \r\n"

    def answer(words: list[bytes]) -> bytes:
        match words[0].upper():
            case b"INFO":
                return b"$%d\r\n%s\r\n" % (len(info), info)
            case b"EVALSHA":
                return b"-NOSCRIPT No matching script. Please use EVAL.\r\n"
            case b"SCRIPT":
                return refusal
            case b"HELLO":
                return b"%1\r\n+proto\r\n:3\r\n"
            case b"GET":
                return b"$-1\r\n"
        return b"+OK\r\n"

    def serve(peer: socket.socket) -> None:
        with peer, peer.makefile("rb") as lines:
            while head := lines.readline():
                words = [lines.read(int(lines.readline()[1:]) + 2)[:-2] for _ in range(int(head[1:]))]
                peer.sendall(answer(words))

    with socket.create_server(("127.0.0.1", 0)) as listener:

        def accept() -> None:
            while True:
                try:
                    peer, _ = listener.accept()
                except OSError:
                    return
                threading.Thread(target=serve, args=(peer,), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        yield f"redis://127.0.0.1:{listener.getsockname()[1]}/0"
        listener.shutdown(socket.SHUT_RDWR)


def test_an_old_redis_is_refused_by_name_by_a_check_and_by_a_call() -> None:
    with old_redis() as url:
        link = Link(connect(url, 2))
        with pytest.raises(StoreUnsuitable, match=r"redis 6\.2.*Redis 7\.0 or Valkey 7\.2"):
            Health(link).check()
        with pytest.raises(StoreUnsuitable, match=r"Redis 7\.0 or Valkey 7\.2"):
            link.run("stats", 0)
        answer = web(link).get("/readyz")
        assert (answer.status_code, "Redis 7.0" in answer.get_json()["detail"]) == (503, True)
        answer = web(link).post("/timers", json=HOOK)
        assert (answer.status_code, "Redis 7.0" in answer.get_json()["detail"]) == (503, True)
        link.client.close()


def test_a_node_that_has_a_part_of_a_cluster_and_a_replica_are_refused_by_name() -> None:
    assert BINARIES["valkey"] is not None
    node = Server(BINARIES["valkey"], "--cluster-enabled", "yes", "--cluster-require-full-coverage", "no").start()
    try:
        client = node.client()
        client.execute_command("CLUSTER", "ADDSLOTSRANGE", 0, 8000)  # type: ignore[no-untyped-call]
        with pytest.raises(StoreUnsuitable, match="Redis Cluster"):
            Health(Link(connect(node.url, 5))).check()
    finally:
        node.remove()
    server = Server(BINARIES["valkey"]).start()
    try:
        server.client().replicaof("127.0.0.1", "1")
        answer = web(Link(connect(server.url, 5))).get("/readyz")
        assert (answer.status_code, "replica" in answer.get_json()["detail"]) == (503, True)
    finally:
        server.remove()


def test_errors_of_the_driver_are_told_apart() -> None:
    from scheduler.store.refusals import kind, may_have_run

    loading = redis.exceptions.BusyLoadingError("Redis is loading the dataset in memory", status_code="LOADING")
    assert (kind(loading), may_have_run(loading)) == ("loading", False)
    inside = redis.exceptions.OutOfMemoryError("... script: 00, on @user_script:1.", status_code="OOM")
    assert (kind(inside), may_have_run(inside)) == ("oom", True)
    assert may_have_run(redis.exceptions.ResponseError("something new"))


def test_a_call_of_ours_that_the_store_is_slow_with_does_not_refuse_the_others() -> None:
    """A list that timed out opened the breaker, and honest creates were answered with 503 for a second."""
    assert BINARIES["valkey"] is not None
    server = Server(BINARIES["valkey"]).start()
    try:
        link = Link(connect(server.url, 0.2))
        Health(link).check()
        server.client().client_pause(60_000, all=False)  # writes only
        with pytest.raises(StoreUnavailable) as raised:
            link.run("check", 0)
        assert raised.value.maybe_done
        assert link.ask("PING", "", lambda client: client.ping())
    finally:
        server.remove()
