"""A backup of a living store, and what comes of it: docs/operations.md, *Backups*, by its commands."""

from __future__ import annotations

import shutil
import threading
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import requests

from tests.bench.processes import Service, wait_until
from tests.bench.receiver import Receiver

FAR = {"url": "http://receiver.example/", "hours": 24}


def back_up(service: Service, to: Path) -> None:
    """The folder of the append-only file, while the server writes to it."""
    client = service.store.client()
    client.config_set("auto-aof-rewrite-percentage", 0)
    wait_until(lambda: not client.info("persistence")["aof_rewrite_in_progress"], 20, "no rewrite")
    shutil.copytree(service.store.folder / "appendonlydir", to)
    client.config_set("auto-aof-rewrite-percentage", 100)


def restore(service: Service, backup: Path) -> None:
    """As after the loss of the machine: nothing is left but the backup."""
    service.store.kill()
    shutil.rmtree(service.store.folder / "appendonlydir")
    shutil.copytree(backup, service.store.folder / "appendonlydir")
    service.store.start()


def ready(service: Service) -> bool:
    return requests.get(f"{service.url}/readyz", timeout=60).status_code == 200


def test_what_a_backup_of_a_living_store_brings_back_and_how_repeats_are_avoided(
    tmp_path: Path, service: Service, receiver: Receiver
) -> None:
    """Red where a copy is taken of a folder other than the whole, or where ids change on the way."""
    service.api()
    far = [service.post(**FAR)["id"] for _ in range(20)]
    due = [service.post(url=receiver.url, seconds=0)["id"] for _ in range(10)]
    ended = threading.Event()

    def go_on() -> None:
        while not ended.is_set():
            service.post(**FAR)

    writer = threading.Thread(target=go_on)
    writer.start()
    try:
        back_up(service, tmp_path / "backup")
    finally:
        ended.set()
        writer.join()
    backed_up_at = datetime.now(UTC)
    later = service.post(**FAR)["id"]
    poller = service.poller()
    first = {hit.timer_id: hit.webhook_id for hit in receiver.wait_for(10, 20)}
    assert {*first} == {*due}
    service.finished(10, 20)

    assert poller.stop(30) == 0
    restore(service, tmp_path / "backup")
    wait_until(lambda: ready(service), 20, "a store that is ready")

    def status(timer_id: str) -> tuple[int, str]:
        answer = requests.get(f"{service.url}/timers/{timer_id}", timeout=60)
        return answer.status_code, answer.json().get("status", "")

    assert {status(it) for it in far} == {(200, "scheduled")}
    assert status(later)[0] == 404
    # Pollers are not there yet: what they would send at once can be looked at, and what has been sent be cancelled.
    asked = {"status": "scheduled", "due_before": backed_up_at.isoformat(timespec="milliseconds")}
    listed = requests.get(f"{service.url}/timers", params=asked, timeout=60).json()["data"]
    assert {it["id"] for it in listed} == {*due}
    sent = requests.post(f"{service.url}/timers/cancel", json={"ids": due[:6]}, timeout=60)
    assert sent.json()["cancelled"] == 6
    service.poller()
    hits = receiver.wait_for(14, 20)
    service.finished(4, 20)
    again = {hit.timer_id: hit.webhook_id for hit in hits[10:]}
    assert again == {it: first[it] for it in due[6:]}  # by this a receiver drops them
    assert Counter(hit.timer_id for hit in receiver.hits) == Counter(due) + Counter(due[6:])
