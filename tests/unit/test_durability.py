"""What can be asked for, what was reached, and whether a store can say so truly."""

from __future__ import annotations

import pytest

from scheduler import MEMORY, Durability, Receipt, Settings, SettingsError
from scheduler.durability import parse
from scheduler.store.fsync_promise import refusal

FSYNC, ONE_REPLICA = Durability(fsync=True), Durability(replicas=1)


@pytest.mark.parametrize("word", ["memory", "fsync", "replicas:1", "replicas:16"])
def test_what_can_be_asked_for_is_told_as_it_was_written(word: str) -> None:
    assert parse(word).word == word


@pytest.mark.parametrize(
    "word",
    ["", "disk", "FSYNC", "fsync ", "fsync\n", "replicas", "replicas:0", "replicas:17", "replicas:01", "replicas:٣"],
)
def test_anything_else_is_refused(word: str) -> None:
    with pytest.raises(ValueError, match="memory, fsync, or replicas"):
        parse(word)


def test_a_receipt_is_met_only_if_all_that_was_asked_for_was_reached() -> None:
    assert not Receipt(FSYNC, fsync=False, replicas=5).is_met
    assert Receipt(FSYNC, fsync=True).is_met
    assert not Receipt(Durability(replicas=2), fsync=True, replicas=1).is_met
    assert Receipt(ONE_REPLICA, replicas=2).is_met
    assert not Receipt(ONE_REPLICA).is_met


def test_the_setting_says_what_a_request_asks_for_that_does_not_say() -> None:
    assert Settings.from_env({}).durability == MEMORY.word == "memory"
    assert Settings.from_env({"TIMER_DURABILITY": "Replicas:2"}).durability == "replicas:2"
    with pytest.raises(SettingsError, match="TIMER_DURABILITY 'disk' is refused"):
        Settings.from_env({"TIMER_DURABILITY": "disk"})


def server(version: str, *, valkey: bool = False, aof: int = 1) -> dict[str, object]:
    if valkey:
        return {"server_name": "valkey", "valkey_version": version, "redis_version": "7.2.4", "aof_enabled": aof}
    return {"redis_version": version, "aof_enabled": aof}


@pytest.mark.parametrize("version", ["7.2.0", "7.2.6", "7.4.3", "8.0.0", "8.2.3"])
def test_a_redis_that_waits_for_its_disk_can_promise_it(version: str) -> None:
    assert refusal(server(version), "everysec") is None


@pytest.mark.parametrize("version", ["7.4.0", "7.4.2", "7.4.1-int"])
def test_a_redis_that_answers_before_its_fsync_promises_it_only_with_always(version: str) -> None:
    assert "redis#13793" in (refusal(server(version), "everysec") or "")
    assert refusal(server(version), "always") is None


@pytest.mark.parametrize("version", ["8.0.0", "9.1.2", "12.0.0"])
def test_a_valkey_that_answers_before_its_fsync_promises_it_only_with_always(version: str) -> None:
    assert "redis#13793" in (refusal(server(version, valkey=True), "everysec") or "")
    assert "refuses to tell" in (refusal(server(version, valkey=True), None) or "")
    assert refusal(server(version, valkey=True), "always") is None
    assert refusal(server("7.2.11", valkey=True), "everysec") is None


def test_what_cannot_be_promised_is_told_with_its_reason() -> None:
    assert refusal(None, "always") == "the store refuses INFO, so it is not known whether it can"
    assert refusal(server("8.2.3", aof=0), "always") == "the store keeps no append-only file"
    assert "no WAITAOF" in (refusal(server("7.0.15"), "always") or "")
    assert "no WAITAOF" in (refusal({"aof_enabled": 1}, "always") or "")
    assert "appendfsync no" in (refusal(server("8.2.3"), "no") or "")
