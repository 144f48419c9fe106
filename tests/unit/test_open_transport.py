"""The transport that settings ask for: how many requests at once, and what looks names up. Nothing is sent."""

from __future__ import annotations

import resource
import sys

import pytest

from scheduler import Settings, Signer, StoreClock, open_transport, slots
from scheduler.delivery.sockets.c_ares import CaresResolver
from scheduler.delivery.sockets.look_up_threads import ThreadResolver
from scheduler.delivery.sockets.resolver import open_resolver
from scheduler.delivery.sockets.transport import SocketTransport

UNLIMITED = resource.RLIM_INFINITY
ENOUGH = 128 + 3 * 2048


class OneSigner:
    def current(self) -> Signer:
        return Signer("")


def limit_files(monkeypatch: pytest.MonkeyPatch, most: int) -> None:
    """As if this process could have so many open at most."""
    monkeypatch.setattr(resource, "getrlimit", lambda _: (256, most))
    monkeypatch.setattr(resource, "setrlimit", lambda *_: None)


@pytest.mark.parametrize("word", ["curl", "requests", "auto", "CURL", "carrier pigeon"])
def test_the_transport_that_an_earlier_release_was_told_to_use_is_accepted_and_decides_nothing(word: str) -> None:
    """An upgrade starts without a change of its environment. Red without _RETIRED in unknown_variables.py."""
    settings = Settings.from_env({"TIMER_TRANSPORT": word})
    assert settings == Settings()
    transport = open_transport(settings, StoreClock(), OneSigner())
    try:
        assert type(transport) is SocketTransport
        assert transport.slots == slots(Settings())
    finally:
        transport.close()


@pytest.mark.parametrize(
    ("environment", "files", "expected"),
    [
        ({}, UNLIMITED, 2048),
        ({}, 1_048_576, 2048),
        ({}, ENOUGH, 2048),
        ({}, ENOUGH - 1, 2047),
        ({}, 1024, 298),
        ({}, 100, 1),
        ({"TIMER_SLOTS": "10"}, 1024, 10),
        ({"TIMER_SLOTS": "299"}, 1024, 298),
        ({"TIMER_SLOTS": "8192"}, UNLIMITED, 8192),
        ({"TIMER_SLOTS": "8192"}, ENOUGH, 2048),
        ({"TIMER_SLOTS": "1"}, 100, 1),
    ],
)
def test_there_are_2048_slots_unless_others_are_set_or_there_are_too_few_files(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], files: int, expected: int
) -> None:
    """Red without `fitting`, or with another default."""
    limit_files(monkeypatch, files)
    assert slots(Settings.from_env(environment)) == expected


def test_a_transport_has_no_more_slots_than_there_are_files_for(monkeypatch: pytest.MonkeyPatch) -> None:
    limit_files(monkeypatch, 1024)
    transport = open_transport(Settings(), StoreClock(), OneSigner())
    transport.close()
    assert transport.slots == 298


@pytest.mark.parametrize("is_installed", [True, False])
def test_names_are_looked_up_by_c_ares_where_it_is_installed_and_in_threads_where_it_is_not(
    monkeypatch: pytest.MonkeyPatch, is_installed: bool
) -> None:
    if not is_installed:
        monkeypatch.setitem(sys.modules, "pycares", None)
    resolver = open_resolver()
    resolver.close()
    assert type(resolver) is (CaresResolver if is_installed else ThreadResolver)
