"""How a poller ends: of which signals, and when, with its store there, gone, frozen or refusing.

Tried: SIGTERM, SIGHUP and SIGHUP ignored; a store killed, frozen, that wants a password; a poller that never had one.
"""

from __future__ import annotations

import signal
import time
from pathlib import Path
from typing import Any

import pytest

from tests.bench.processes import COMMAND, Part, Service, Up, free_port, wait_until
from tests.bench.receiver import Receiver

IGNORING = ("env", "--ignore-signal=HUP", COMMAND)


def ignores_hangup(pid: int) -> bool:
    ignored = Path(f"/proc/{pid}/status").read_text().partition("SigIgn:")[2].split()[0]
    return bool(int(ignored, 16) >> (signal.SIGHUP - 1) & 1)


def test_a_poller_whose_terminal_closes_settles_what_is_under_way(service: Service, receiver: Receiver) -> None:
    poller = service.poller()
    service.set(1, f"{receiver.url}/held", 0)
    receiver.wait_for(1, 10)
    poller.signal(signal.SIGHUP)
    receiver.release.set()
    assert poller.process.wait(20) == 0
    assert service.timers.stats().delivered == 1


def test_a_poller_that_was_started_to_ignore_hangups_goes_on(service: Service, receiver: Receiver) -> None:
    poller = service.poller(command=IGNORING)
    poller.signal(signal.SIGHUP)
    service.set(1, receiver.url, 0)
    service.finished(1, 10)
    assert ignores_hangup(poller.process.pid)
    assert poller.stop() == 0


def test_up_and_all_that_it_starts_outlive_a_logout_under_nohup(tmp_path: Path) -> None:
    up = Up(tmp_path, command=IGNORING)
    try:
        up.url()
        (poller,) = [pid for pid, line in up.children().items() if "timer-service poller" in line]
        assert ignores_hangup(up.process.pid)
        assert ignores_hangup(poller)
        up.signal(signal.SIGHUP)
        time.sleep(0.5)
        assert up.process.poll() is None
        assert up.stop() == 0
    finally:
        up.kill()


@pytest.mark.clock
@pytest.mark.parametrize("store", ["killed", "frozen", "refusing"])
def test_an_idle_poller_whose_store_is_away_ends_at_once(service: Service, store: str) -> None:
    """Not after its grace, 20 s: it has nothing to tell the store."""
    poller = service.poller()
    if store == "killed":
        service.store.kill()
    elif store == "frozen":
        service.store.signal(signal.SIGSTOP)
    else:
        client: Any = service.store.client()
        client.config_set("requirepass", "secret")
        client.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
    wait_until(lambda: "store" in poller.output(), 20, "that the poller has noticed") if store != "frozen" else None
    begun = time.monotonic()
    assert poller.stop() == 0
    assert time.monotonic() - begun < 10


@pytest.mark.clock
def test_a_poller_that_never_reached_its_store_ends_at_once(tmp_path: Path) -> None:
    alive = tmp_path / "alive"
    url = f"redis://127.0.0.1:{free_port()}/0"
    poller = Part("poller", log=tmp_path / "log", TIMER_REDIS_URL=url, TIMER_HEARTBEAT_FILE=str(alive))
    try:
        wait_until(lambda: alive.exists() and poller.obeys_sigterm(), 20, "a loop")
        begun = time.monotonic()
        assert poller.stop() == 0
        assert time.monotonic() - begun < 10
    finally:
        poller.kill()


def test_with_an_attempt_unsettled_it_waits_for_its_store(service: Service, receiver: Receiver) -> None:
    poller = service.poller(TIMER_GRACE="30")
    service.set(1, f"{receiver.url}/held", 0)
    receiver.wait_for(1, 10)
    service.store.kill()
    receiver.release.set()
    poller.signal(signal.SIGTERM)
    time.sleep(2)
    assert poller.process.poll() is None
    service.store.start()
    assert poller.process.wait(20) == 0
    assert service.timers.stats().delivered == 1
