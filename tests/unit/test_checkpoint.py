"""What is our own and must never be called, as it is found by look-ups.

Tried: a store whose name fails once, for long, from the start; one that moves; one of this machine beyond loopback.
"""

from __future__ import annotations

import errno
import socket
import threading
import time
from ipaddress import ip_address
from typing import Any

import pytest

from scheduler import Checkpoint, Guard
from scheduler.delivery.local import is_local
from scheduler.networks import networks

EVERYWHERE = Guard(allow=networks("0.0.0.0/0, ::/0"))


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Names and the address of each; those that are not in it cannot be looked up."""
    known: dict[str, str] = {}

    def getaddrinfo(host: str, port: int, **_: Any) -> list[Any]:
        if host not in known:
            raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (known[host], port))]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    monkeypatch.setattr("scheduler.delivery.checkpoint._OWN_LOOKUP_EVERY", 0.0)
    monkeypatch.setattr("scheduler.delivery.checkpoint._UNKNOWN_LOOKUP_EVERY", 0.0)
    return known


def becomes(checkpoint: Checkpoint, address: str, verdict: bool) -> None:
    until = time.monotonic() + 60
    while checkpoint.guard().permits(address, 7000) is not verdict:
        assert time.monotonic() < until
        time.sleep(0.005)


def test_a_failed_look_up_of_the_store_opens_nothing(names: dict[str, str]) -> None:
    names["store.test"] = "10.0.0.5"
    checkpoint = Checkpoint(EVERYWHERE, [("store.test", 7000), ("other.test", 7001)])
    assert not checkpoint.guard().permits("10.0.0.5", 7000)
    del names["store.test"]
    names["other.test"] = "10.0.0.6"
    until = time.monotonic() + 60
    while checkpoint.guard().permits("10.0.0.6", 7001):  # which shows that all was looked up again
        assert time.monotonic() < until
    for _ in range(20):
        assert not checkpoint.guard().permits("10.0.0.5", 7000)
        time.sleep(0.005)


def test_a_store_that_moves_is_followed_and_one_that_appears_is_found(names: dict[str, str]) -> None:
    checkpoint = Checkpoint(EVERYWHERE, [("store.test", 7000)])
    assert checkpoint.guard().permits("10.0.0.5", 7000)
    names["store.test"] = "10.0.0.5"
    becomes(checkpoint, "10.0.0.5", False)
    names["store.test"] = "10.0.0.6"
    becomes(checkpoint, "10.0.0.6", False)
    becomes(checkpoint, "10.0.0.5", True)


def test_without_a_thread_to_look_up_in_what_is_known_holds_and_it_is_looked_up_later(
    names: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_thread(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    names["store.test"] = "10.0.0.5"
    checkpoint = Checkpoint(EVERYWHERE, [("store.test", 7000)])
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", no_thread)
        for _ in range(3):
            assert not checkpoint.guard().permits("10.0.0.5", 7000)
    names["store.test"] = "10.0.0.6"
    becomes(checkpoint, "10.0.0.6", False)


def test_a_store_on_an_address_of_this_machine_is_refused_on_all_of_them(
    names: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scheduler.delivery.checkpoint.is_local", lambda ip: str(ip) == "10.0.0.5")
    names["store.test"] = "10.0.0.5"
    checkpoint = Checkpoint(EVERYWHERE, [("store.test", 7000)])
    assert not checkpoint.guard().permits("10.0.0.5", 7000)
    assert not checkpoint.guard().permits("127.0.0.1", 7000)
    assert checkpoint.guard().permits("127.0.0.1", 7001)
    assert checkpoint.guard().permits("10.0.0.77", 7000)


def test_local_are_loopback_and_the_addresses_that_this_machine_has() -> None:
    assert all(is_local(ip_address(text)) for text in ("127.0.0.1", "127.4.4.4", "::1", "0.0.0.0", "::"))
    assert not is_local(ip_address("192.0.2.77"))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        try:
            sock.connect(("192.0.2.77", 9))
        except OSError:
            pytest.skip("this machine has no address beyond loopback")
        assert is_local(ip_address(sock.getsockname()[0]))


def test_on_a_machine_without_ipv6_no_such_address_is_local_and_asking_fails_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Else a create with such an address and a port of ours is a 500, and a host that has one beside others fails."""

    def without_ipv6(family: int, *args: int) -> socket.socket:
        if family == socket.AF_INET6:
            raise OSError(errno.EAFNOSUPPORT, "Address family not supported by protocol")
        return real(family, *args)

    real = socket.socket
    monkeypatch.setattr("scheduler.delivery.local.socket.socket", without_ipv6)
    guard = Guard(own=frozenset({(ip_address("0.0.0.0"), 8000)}))
    assert guard.permits("2606:4700::1111", 8000)
