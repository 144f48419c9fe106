"""A full disk (rows 30 and 31 of ROWS.md), which is a small tmpfs in a mount namespace of its own."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from scheduler import Draft, Settings, Store, StoreUnavailable, Timers, Webhook
from tests.bench import needed
from tests.bench.processes import Service, wait_until
from tests.bench.receiver import Receiver
from tests.bench.servers import BINARIES, Server

pytestmark = pytest.mark.elsewhere


class Disk:
    """Of so many MiB, and as long as this object is not removed."""

    def __init__(self, mib: int) -> None:
        self.path = Path(tempfile.mkdtemp(prefix="td-"))
        mount = f"mount -t tmpfs -o size={mib}m none {self.path} && echo mounted && exec sleep 1000"
        command = ["unshare", "--mount", "--propagation", "private", "sh", "-c", mount]
        self._holder = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        assert self._holder.stdout is not None
        self.possible = self._holder.stdout.readline() == b"mounted\n"

    @property
    def inside(self) -> tuple[str, ...]:
        """What runs a command where this disk is seen."""
        return ("nsenter", f"--mount=/proc/{self._holder.pid}/ns/mnt")

    def grow(self, mib: int) -> None:
        subprocess.run([*self.inside, "mount", "-o", f"remount,size={mib}m", str(self.path)], check=True)

    def remove(self) -> None:
        self._holder.kill()
        self._holder.communicate()
        self.path.rmdir()


@pytest.fixture
def disk() -> Iterator[Disk]:
    it = Disk(3)
    try:
        if not it.possible:
            needed.missing("no mount namespaces, which only root can make")
        yield it
    finally:
        it.remove()


def fill(timers: Timers, url: str) -> list[str]:
    """Timers of 50 kB each until one is refused; those that were acknowledged."""
    ids: list[str] = []
    body = os.urandom(50_000)
    while len(ids) < 200:
        draft = Draft(id=timers.new_id(), webhook=Webhook(url=url, body=body, body_is_json=False), delay_ms=3_600_000)
        try:
            timers.set(draft)
        except StoreUnavailable:
            return ids
        ids.append(draft.id)
    raise AssertionError("the disk never got full")


def test_row_30_a_disk_that_is_full_refuses_creates_until_there_is_room_and_loses_nothing(
    disk: Disk, tmp_path: Path, receiver: Receiver
) -> None:
    """Red with the last `except` of Server.translated taken out: MISCONF is no answer that a client can use."""
    assert BINARIES["valkey"] is not None
    service = Service(tmp_path, Server(BINARIES["valkey"], "--dir", str(disk.path), before=disk.inside).start())
    try:
        poller = service.poller()
        ids = fill(service.timers, receiver.url)
        assert len(ids) > 20
        assert poller.process.poll() is None
        disk.grow(64)

        def accepted() -> list[str]:
            try:
                return service.set(1, receiver.url, 0)
            except StoreUnavailable:
                return []

        (fired,) = wait_until(accepted, 20, "a timer that is accepted")
        receiver.wait_for(1, 20)
        service.finished(1, 10)
        service.store.kill()
        service.store.start()
        assert service.timers.get(fired).status == "delivered"
        assert {service.timers.get(timer_id).status for timer_id in ids} == {"scheduled"}
        assert receiver.counts() == {fired: 1}
    finally:
        service.remove()


def test_row_31_with_appendfsync_always_a_full_disk_ends_the_store_and_loses_nothing_acknowledged(disk: Disk) -> None:
    """A property of the store, on which the row `always` in docs/guarantees.md stands; no line of ours."""
    assert BINARIES["valkey"] is not None
    options = ("--dir", str(disk.path), "--appendfsync", "always")
    server = Server(BINARIES["valkey"], *options, before=disk.inside).start()
    try:
        store = Store(Settings(redis_url=server.url, store_timeout=5))
        timers = store.timers
        ids = fill(timers, "http://localhost:2/")
        assert len(ids) > 20
        assert server.ended(20) == 1
        disk.grow(64)
        server.start()
        wait_until(lambda: _knows(timers, ids[0]), 10, "the store")
        assert {timers.get(timer_id).status for timer_id in ids} == {"scheduled"}
        store.close()
    finally:
        server.remove()


def _knows(timers: Timers, timer_id: str) -> bool:
    try:
        return timers.get(timer_id).id == timer_id
    except StoreUnavailable:
        return False
