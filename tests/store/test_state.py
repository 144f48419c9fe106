"""How the store is, for people to see: also one that refuses, is full, or is away."""

from __future__ import annotations

from typing import Any

from scheduler import Draft, Settings, Store, Webhook
from scheduler.store.health import Health
from scheduler.store.link import Link, connect
from tests.bench.servers import Server
from tests.store.test_refusals import COMMANDS, PLACES


def limited(server: Server, *, without: str = "") -> Store:
    """A user who may do what the page of operations lists, but for this."""
    rules = [*PLACES, *(f"+{command}" for command in COMMANDS if command != without)]
    server.client().execute_command("ACL", "SETUSER", "limited", "reset", "on", ">secret", *rules)  # type: ignore[no-untyped-call]
    return Store(Settings(redis_url=f"unix://limited@{server.socket}?password=secret", store_timeout=5))


def test_a_store_that_is_well_tells_all_of_itself(server: Server) -> None:
    found = Store(Settings(redis_url=server.url, max_bytes=10**9)).health.state()
    assert found.server is not None
    name, _, version = found.server.partition(" ")
    assert name in ("redis", "valkey")
    assert version[0].isdigit()
    assert found.write_problem is None
    assert found.write_ms is not None
    assert 0 < found.write_ms < 5000
    assert found.used_bytes is not None
    assert (0 < found.used_bytes < 10**9, found.max_bytes, found.may_evict) == (True, 10**9, False)
    assert (found.append_only, found.append_fsync, found.append_ok, found.warnings) == (True, "everysec", True, ())


def test_it_is_written_to_once_a_second_however_often_it_is_asked(server: Server) -> None:
    now = 0.0
    health = Health(Link(connect(server.url, 5)), clock=lambda: now)
    client = server.client()

    def writes() -> int:
        return int(client.info("commandstats").get("cmdstat_evalsha", {}).get("calls", 0))

    first = health.state()
    before = writes()
    for _ in range(20):
        assert health.state().write_ms == first.write_ms
    assert writes() == before
    now += 1
    health.state()
    assert writes() == before + 1


def test_one_that_refuses_info_and_config_tells_its_name_and_that_it_is_written_to(server: Server) -> None:
    found = limited(server, without="info").health.state()
    assert found.server is not None
    assert found.server.startswith(("redis ", "valkey "))
    assert (found.write_problem, found.write_ms is not None) == (None, True)
    assert (found.used_bytes, found.max_bytes, found.may_evict) == (None, None, None)
    assert (found.append_only, found.append_fsync, found.append_ok) == (None, None, None)
    assert any("INFO" in it for it in found.warnings)


def test_one_that_refuses_config_is_not_asked_again_and_nothing_is_taken_for_a_failure(server: Server) -> None:
    store = limited(server)
    client = server.client()
    client.execute_command("ACL", "LOG", "RESET")  # type: ignore[no-untyped-call]
    for _ in range(3):
        found = store.health.state()
        assert (found.append_only, found.append_fsync, found.append_ok) == (True, None, True)
    denied: Any = client.acl_log()
    assert [int(it["count"]) for it in denied if it["object"].startswith("config")] == [1]
    assert (found.write_problem, dict(store.link.failures)) == (None, {})


def test_how_many_were_tried_before_is_not_known_where_the_store_refuses_to_count_them(server: Server) -> None:
    store = limited(server)
    client = server.client()
    client.execute_command("ACL", "LOG", "RESET")  # type: ignore[no-untyped-call]
    assert [store.timers.stats().tried_before for _ in range(3)] == [None] * 3
    denied: Any = client.acl_log()
    assert [int(it["count"]) for it in denied if it["object"] == "hlen"] == [1]
    assert dict(store.link.failures) == {}
    assert Store(Settings(redis_url=server.url)).timers.stats().tried_before == 0


def test_a_command_that_is_refused_is_named(server: Server) -> None:
    found = limited(server, without="hset").health.state()
    assert (found.write_ms, found.write_problem) == (None, "the store refuses hset")
    assert (found.append_only, found.may_evict) == (True, False)


def test_one_that_is_full_says_so_and_how_full_and_that_it_may_evict(own_server: Server) -> None:
    client = own_server.client()
    store = Store(Settings(redis_url=own_server.url))
    store.timers.set(Draft(store.timers.new_id(), Webhook("http://h/"), delay_ms=60_000))
    client.config_set("maxmemory-policy", "volatile-lru")
    client.config_set("maxmemory", 1024)
    found = Store(Settings(redis_url=own_server.url)).health.state()
    assert (found.write_ms, found.may_evict, found.max_bytes) == (None, True, 819)
    assert found.write_problem is not None
    assert "maxmemory" in found.write_problem
    assert found.used_bytes is not None
    assert found.used_bytes > 1024
    assert any("volatile-lru" in it for it in found.warnings)


def test_one_without_an_append_only_file_is_warned_of(own_server: Server) -> None:
    own_server.client().config_set("appendonly", "no")
    found = Store(Settings(redis_url=own_server.url)).health.state()
    assert (found.append_only, found.append_fsync, found.append_ok) == (False, None, None)
    assert any("append-only" in it for it in found.warnings)


def test_a_replica_takes_no_writes_and_says_which_address_is_wrong(own_server: Server) -> None:
    store = Store(Settings(redis_url=own_server.url))
    assert store.health.state().write_problem is None
    own_server.client().replicaof("127.0.0.1", "1")
    found = store.health.state()
    assert found.write_ms is None
    assert found.write_problem is not None
    assert "replica" in found.write_problem
    assert found.append_only is True


def test_one_that_goes_away_raises_nothing_and_what_it_told_before_is_not_told_again(own_server: Server) -> None:
    store = Store(Settings(redis_url=own_server.url, store_timeout=1, max_bytes=10**9))
    assert store.health.state().write_problem is None
    own_server.kill()
    for _ in range(2):
        found = store.health.state()
        assert found.write_problem is not None
        assert "the store is away" in found.write_problem
        assert (found.server, found.write_ms, found.used_bytes, found.max_bytes) == (None, None, None, None)
        assert (found.may_evict, found.append_only, found.append_fsync, found.append_ok) == (None, None, None, None)
        assert found.warnings == ()
    own_server.start()


def test_one_that_was_never_there_raises_nothing(tmp_path: object) -> None:
    found = Store(Settings(redis_url=f"unix://{tmp_path}/nothing")).health.state()
    assert (found.server, found.write_problem is not None) == (None, True)
