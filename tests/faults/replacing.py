"""`make replacing`: each part is replaced while clients set timers through nginx, and what they saw is counted.

Two APIs stand behind nginx as deploy/nginx sets it up, beside two pollers. One after another: each API is told to end,
and started anew on its port once it has; a new poller begins, and an old one is told to end; nginx reads its
configuration anew. Each call is made once: no client tries anything again, so that a call which nginx or the API
refuses is counted.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import requests

from tests.bench.processes import Service, free_port, wait_until
from tests.bench.proxy import nginx
from tests.bench.receiver import receiving
from tests.bench.session import no_process_left
from timer_service.web.access.api_keys import new_key

_TOKEN, _ENTRY = new_key("load", "write")
_CLIENTS = 4


@dataclass
class Counts:
    """What clients and the receiver saw."""

    #: Answers by status; `error` where there was none.
    answers: Counter[str] = field(default_factory=Counter)
    #: Those that are no 201, by what was replaced then.
    refused: Counter[str] = field(default_factory=Counter)
    replaced: list[str] = field(default_factory=list)
    #: Timers that were answered 201, that arrived, and that arrived more than once.
    set: int = 0
    arrived: int = 0
    repeated: int = 0
    seconds: float = 0.0

    def __str__(self) -> str:
        lines = [f"{self.answers.total()} calls in {self.seconds:.1f} s by {_CLIENTS} clients, through nginx with TLS"]
        lines += [f"  answered {status}: {count}" for status, count in sorted(self.answers.items())]
        lines += [
            f"  replaced: {', '.join(self.replaced)}",
            f"  calls refused: {self.refused.total()} {dict(self.refused) or ''}",
        ]
        return "\n".join([*lines, f"  timers set {self.set}, arrived {self.arrived}, more than once {self.repeated}"])


class _Client(threading.Thread):
    """Sets timers for now, on a connection that it keeps."""

    def __init__(self, url: str, authority: str, hook: str, during: list[str]) -> None:
        super().__init__()
        self._url, self._authority, self._hook, self._during = f"{url}/timers", authority, hook, during
        self._session = requests.Session()
        self.stopped = threading.Event()
        self.answers: list[tuple[str, str]] = []
        self.ids: list[str] = []

    def run(self) -> None:
        while not self.stopped.wait(0.02):
            during = self._during[-1]
            try:
                answer = self._session.post(
                    self._url,
                    json={"url": self._hook, "seconds": 0},
                    headers={"Authorization": f"Bearer {_TOKEN}"},
                    timeout=120,
                    verify=self._authority,
                )
            except requests.RequestException as error:
                self.answers.append((type(error).__name__, during))
                continue
            self.answers.append((str(answer.status_code), during))
            if answer.status_code == 201:
                self.ids.append(answer.json()["id"])


def replace_all(folder: Path, pause: float) -> Counts:
    """`pause`: seconds between two replacements."""
    service = Service(folder, None, TIMER_LOG_LEVEL="warning")
    counts, during = Counts(), ["nothing"]
    try:
        ports = [free_port(), free_port()]
        apis = [service.api(TIMER_PORT=str(port), TIMER_API_KEYS=_ENTRY) for port in ports]
        pollers = [service.poller() for _ in range(2)]
        with receiving() as receiver, nginx(folder / "nginx", ports) as proxy:
            clients = [_Client(proxy.url, proxy.authority, receiver.url, during) for _ in range(_CLIENTS)]
            begun = time.monotonic()
            for client in clients:
                client.start()
            try:
                receiver.wait_for(20, 20)
                for number, port in enumerate(ports):
                    during.append(f"API {number + 1}")
                    assert apis[number].stop(30) == 0, apis[number].output()
                    apis[number] = service.api(TIMER_PORT=str(port), TIMER_API_KEYS=_ENTRY)
                    time.sleep(pause)
                for number, old in enumerate(pollers):
                    during.append(f"poller {number + 1}")
                    service.poller()
                    assert old.stop(60) == 0, old.output()
                    time.sleep(pause)
                during.append("nginx, reloaded")
                os.kill(int((proxy.folder / "pid").read_text()), signal.SIGHUP)
                time.sleep(pause)
            finally:
                for client in clients:
                    client.stopped.set()
                    client.join()
            counts.seconds = time.monotonic() - begun
            ids = {it for client in clients for it in client.ids}
            wait_until(lambda: ids <= {*receiver.counts()}, 30, "all that was set")
            arrived = receiver.counts()
        counts.set, counts.arrived = len(ids), len(ids & {*arrived})
        counts.repeated = sum(count > 1 for count in arrived.values())
    finally:
        service.remove()
    counts.replaced = during[1:]
    for status, when in (it for client in clients for it in client.answers):
        counts.answers[status] += 1
        if status != "201":
            counts.refused[f"{status} during {when}"] += 1
    return counts


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pause", type=float, default=3, help="seconds between two replacements")
    asked = parser.parse_args()
    with no_process_left(), tempfile.TemporaryDirectory() as folder:
        counts = replace_all(Path(folder), asked.pause)
    print(counts)
    return 1 if counts.refused or counts.repeated or counts.arrived < counts.set else 0


if __name__ == "__main__":
    sys.exit(main())
