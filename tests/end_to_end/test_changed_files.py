"""A secret and a key are changed under load, in files, by the processes as they run: no call is refused, and no webhook
comes that neither the old nor the new secret verifies."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest
import requests

from scheduler.signing_keys import new_secret
from tests.bench.processes import Service, wait_until
from tests.bench.receiver import Hit, Receiver, receiving, verified
from timer_service.web.access.api_keys import new_key

OLD, NEW = new_secret(), new_secret()
KEYS = {name: new_key(name, "write") for name in ("old", "new")}


def put(path: Path, *entries: str) -> None:
    """As a file that is renamed into place."""
    aside = path.with_name("aside")
    aside.write_text("\n".join(["# one a line", *entries, ""]))
    aside.rename(path)


class Client(threading.Thread):
    """Sets timers for now, one after another, until it is told to stop; changes its key between two calls."""

    def __init__(self, service: Service, hook: str) -> None:
        super().__init__()
        self._session = requests.Session()
        self._url, self._hook = f"{service.url}/timers", hook
        self.key = "old"
        self.statuses: list[int] = []
        self.stopped = threading.Event()

    def run(self) -> None:
        while not self.stopped.wait(0.005):
            self.statuses.append(self.ask(self.key))

    def ask(self, key: str) -> int:
        bearer = {"Authorization": f"Bearer {KEYS[key][0]}"}
        asked = {"url": self._hook, "seconds": 0}
        return self._session.post(self._url, json=asked, headers=bearer, timeout=60).status_code


def test_a_secret_and_a_key_change_under_load_and_nobody_is_refused(tmp_path: Path, service: Service) -> None:
    keys, secrets = tmp_path / "keys", tmp_path / "secrets"
    put(keys, KEYS["old"][1])
    put(secrets, OLD)
    files = {"TIMER_API_KEYS_FILE": str(keys), "TIMER_SIGNING_SECRETS_FILE": str(secrets), "TIMER_SIGNING_SECRETS": ""}
    service.environ |= {"TIMER_LOG_LEVEL": "info", **files}
    service.api(TIMER_API_WORKERS="2")
    with receiving(secret=OLD) as receiver:
        for _ in range(2):
            service.poller()
        client, other = Client(service, receiver.url), Client(service, receiver.url)
        clients = (client, other)
        for it in clients:
            it.start()
        try:
            receiver.wait_for(20, 20)
            put(keys, KEYS["new"][1], KEYS["old"][1])
            put(secrets, NEW, OLD)
            _until_signed(receiver, lambda hit: _by(hit, NEW) and _by(hit, OLD))
            # A worker takes a new key when it next looks: each of them has by now.
            wait_until(lambda: all(other.ask("new") == 201 for _ in range(20)), 20, "the new key everywhere")
            for it in clients:
                it.key = "new"
            put(secrets, NEW)
            _until_signed(receiver, lambda hit: not _by(hit, OLD))
            until = time.monotonic() + 1
            while time.monotonic() < until:  # for a while of the load without the old ones
                time.sleep(0.05)
        finally:
            for it in clients:
                it.stopped.set()
                it.join()
        asked = sum(len(it.statuses) for it in clients)
        assert {status for it in clients for status in it.statuses} == {201}
        assert asked > 50
        put(keys, KEYS["new"][1])
        wait_until(lambda: {client.ask("old") for _ in range(20)} == {401}, 20, "the old key taken back everywhere")
        assert {client.ask("new") for _ in range(20)} == {201}
        service.finished(asked, 30)
        assert not [hit for hit in receiver.hits if not (_by(hit, OLD) or _by(hit, NEW))]
        receiver.unverified.clear()  # by the old one alone: the line above says more
    logs = "".join(part.output() for part in service.parts)
    assert "TIMER_SIGNING_SECRETS_FILE was read anew" in logs
    assert not [it for it in (OLD[6:], NEW[6:], *(key for key, _ in KEYS.values())) if it in logs]


def _by(hit: Hit, secret: str) -> bool:
    return verified(hit.body, hit.headers, secret)


def _until_signed(receiver: Receiver, holds: object) -> None:
    assert callable(holds)
    seen = len(receiver.hits)
    wait_until(lambda: any(holds(hit) for hit in receiver.hits[seen:]), 20, "webhooks that are signed anew")


@pytest.mark.clock
def test_a_key_that_is_taken_out_of_the_file_opens_nothing_two_seconds_later(tmp_path: Path, service: Service) -> None:
    keys = tmp_path / "keys"
    put(keys, *(entry for _, entry in KEYS.values()))
    service.api(TIMER_API_KEYS_FILE=str(keys))
    client = Client(service, "http://127.0.0.1:1999/")
    assert client.ask("old") == 201
    put(keys, KEYS["new"][1])
    changed = time.monotonic()
    while client.ask("old") == 201:
        time.sleep(0.02)
    assert time.monotonic() - changed < 2
    assert client.ask("new") == 201
