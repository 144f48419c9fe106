"""The sink as a process of its own, and what it has received: every webhook, with the poller that signed it."""

from __future__ import annotations

import hashlib
import hmac
import json
import subprocess
import sys
from base64 import b64encode
from pathlib import Path
from typing import Any

from scheduler import rfc3339
from scheduler.store.keys import partition_of
from tests.bench.processes import accepts, free_port, wait_until
from tests.faults.history import Hit
from tests.faults.sink import HOSTS, OF_THEIR_OWN


class Received:
    """Begins with a process, and ends it in close()."""

    def __init__(self, folder: Path, partitions: int = 1) -> None:
        """`partitions`: of the store."""
        self._partitions = partitions
        self.port = free_port()
        #: What each poller signs with, by its name.
        self._secrets: dict[str, bytes] = {}
        self._hits = folder / "hits"
        command = (sys.executable, "-m", "tests.faults.sink", str(self.port))
        with self._hits.open("wb") as out:
            self._process = subprocess.Popen(command, stdout=out)
        wait_until(lambda: accepts(self.port, host=f"127.0.0.{HOSTS + OF_THEIR_OWN}"), 20, "a sink")

    @property
    def pid(self) -> int:
        return self._process.pid

    def sign_as_next(self) -> str:
        """The name of one more poller, whose secret is secret_of() its name."""
        name = f"p{len(self._secrets)}"
        self._secrets[name] = _key_of(name)
        return name

    def url_of(self, number: int, hold_ms: int = 0, *more: str, host: int = 0) -> str:
        """Where a timer of this number is sent, to be answered after so many ms."""
        path = "/".join(map(str, (number, hold_ms, *more)))
        return f"http://127.0.0.{1 + host % HOSTS}:{self.port}/{path}"

    def own_url(self, host: int, *path: object) -> str:
        """At a destination that something may be set for: the load sends nothing there."""
        return f"http://127.0.0.{1 + HOSTS + host % OF_THEIR_OWN}:{self.port}/{'/'.join(map(str, path))}"

    def hits(self) -> list[Hit]:
        """All so far."""
        *lines, _ = self._hits.read_bytes().split(b"\n")
        likely = list(self._secrets)
        return [self._hit(json.loads(line), likely) for line in lines]

    def arrived(self, count: int, seconds: float) -> list[Hit]:
        """Wait until so many have come."""

        def counted() -> bool:
            return self._hits.read_bytes().count(b"\n") >= count

        wait_until(counted, seconds, f"{count} webhooks; there are {len(self.hits())}")
        return self.hits()

    def _hit(self, said: dict[str, Any], likely: list[str]) -> Hit:
        headers = said["headers"]
        signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.{said['body']}".encode("latin-1")
        poller = None
        for place, name in enumerate(likely):
            mac = b64encode(hmac.digest(self._secrets[name], signed, "sha256")).decode()
            if headers.get("webhook-signature") == f"v1,{mac}":
                poller = name
                likely.insert(0, likely.pop(place))  # the next is probably of the same one
                break
        due_at = rfc3339.parse(headers["timer-due-at"])
        return Hit(
            at=said["at"],
            until=said["until"],
            status=said["status"],
            number=said["number"],
            timer_id=headers["webhook-id"],
            attempt=int(headers["timer-attempt"]),
            redelivery=headers.get("timer-redelivery"),
            poller=poller,
            schedule=(schedule := headers.get("timer-schedule")),
            due_at=0 if schedule is None else due_at,
            destination=f"http:{said['host']}:{self.port}",
            partition=partition_of(headers["webhook-id"], self._partitions) if self._partitions > 1 else None,
            says_late=int(headers["webhook-timestamp"]) - due_at / 1000,
        )

    def close(self) -> None:
        self._process.kill()
        self._process.wait()


def secret_of(name: str) -> str:
    """What the poller of this name signs with."""
    return f"whsec_{b64encode(_key_of(name)).decode()}"


def _key_of(name: str) -> bytes:
    return hashlib.sha256(name.encode()).digest()
