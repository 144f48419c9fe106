"""A store as a file: the append-only file that a server would write of it, and beside it what it holds, in words."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import redis

from scheduler.public import Schedule, ScheduleDraft, Timer, Webhook
from scheduler.store import keys
from tests.bench.servers import Server
from tests.bench.store import Bench

FOLDER = Path(__file__).parent
#: Bytes of a body that are told as they are; of more their digest.
_SHORT = 300


@dataclass(frozen=True)
class Stored:
    """What one release has stored."""

    name: str
    folder: Path = FOLDER

    @property
    def commands(self) -> Path:
        return self.folder / f"{self.name}.aof.gz"

    @property
    def words(self) -> Path:
        return self.folder / f"{self.name}.json"

    @property
    def said(self) -> dict[str, Any]:
        """When it was written (`now`), its `partitions`, `timers` by id, and `schedules` by name, if it has any."""
        found: dict[str, Any] = json.loads(self.words.read_text())
        return found

    def load(self, client: redis.Redis) -> Bench:
        """A bench over what is stored, at the moment when it was written."""
        said = self.said
        bench = Bench(client, said["partitions"])
        client.flushall()
        with client.pipeline(transaction=False) as calls:
            for words in _commands(gzip.decompress(self.commands.read_bytes())):
                calls.execute_command(*words)  # type: ignore[no-untyped-call]
            calls.execute()
        bench.set_clock(said["now"])
        return bench

    def save(self, server: Server, bench: Bench) -> None:
        timers = {timer.id: tell(bench, timer) for timer in all_timers(bench)}
        schedules = {schedule.name: tell_schedule(schedule) for schedule in bench.schedules.page().schedules}
        said = {"now": bench.now, "partitions": bench.partitions, "timers": timers, "schedules": schedules}
        self.words.write_text(json.dumps(said, indent=1, sort_keys=True) + "\n")
        bench.client.config_set("aof-use-rdb-preamble", "no")
        bench.client.bgrewriteaof()
        while any(bench.client.info("persistence")[it] for it in ("aof_rewrite_in_progress", "aof_rewrite_scheduled")):
            pass
        (written,) = (server.folder / "appendonlydir").glob("*.base.aof")
        self.commands.write_bytes(gzip.compress(written.read_bytes(), mtime=0))


def names() -> list[str]:
    return sorted(path.name.removesuffix(".aof.gz") for path in FOLDER.glob("*.aof.gz"))


def all_timers(bench: Bench) -> Iterator[Timer]:
    for partition in range(bench.partitions):
        prefix = keys.prefix(partition) + "timer:"
        for key in sorted(bench.client.scan_iter(f"{prefix}*", 1000)):
            yield bench.timers.get(key.decode().removeprefix(prefix))


def tell(bench: Bench, timer: Timer) -> dict[str, Any]:
    """A timer and its attempts, as JSON."""
    said = {**timer._asdict(), "webhook": tell_webhook(timer.webhook)}
    del said["last_attempt"], said["read_at"]
    said["list"] = [attempt._asdict() for attempt in bench.timers.attempts(timer.id)]
    found: dict[str, Any] = json.loads(json.dumps(said))
    return found


def tell_schedule(schedule: Schedule) -> dict[str, Any]:
    """What was asked for, and how it stands, as JSON."""
    said = {name: getattr(schedule, name) for name in Schedule.__dataclass_fields__ if name != "read_at"}
    said["draft"] = tell_draft(schedule.draft)
    found: dict[str, Any] = json.loads(json.dumps(said))
    return found


def tell_draft(draft: ScheduleDraft) -> dict[str, Any]:
    said = {name: getattr(draft, name) for name in ScheduleDraft.__dataclass_fields__}
    return {**said, "plan": asdict(draft.plan), "webhook": tell_webhook(draft.webhook)}


def tell_webhook(webhook: Webhook) -> dict[str, Any]:
    said, body, backoff = webhook._asdict(), webhook.body, webhook.backoff
    if body is not None:
        said["body"] = body.decode("latin-1") if len(body) <= _SHORT else hashlib.sha256(body).hexdigest()
    said["backoff"] = [backoff.initial, backoff.factor, backoff.max, *backoff.steps]
    said["headers"] = dict(webhook.headers)
    found: dict[str, Any] = json.loads(json.dumps({**said, "metadata": dict(webhook.metadata)}, default=str))
    return found


def _commands(text: bytes) -> Iterator[list[bytes]]:
    """What stands in an append-only file, without its notes about time."""
    lines = io.BytesIO(text)
    while head := lines.readline():
        if head.startswith(b"#"):
            continue
        words = []
        for _ in range(int(head[1:])):
            size = int(lines.readline()[1:])
            words.append(lines.read(size))
            lines.read(2)
        if words[0].upper() != b"SELECT":
            yield words
