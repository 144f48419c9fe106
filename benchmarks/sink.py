"""Where the webhooks go: Debian's nginx, compiled and so never the bottleneck, whose log says what arrived and when.

A line of the log has five words: the moment at which nginx wrote it and the time that it took, in seconds with whole ms
rounded down, and the headers that name the timer, its due moment and why it was sent again.
"""

from __future__ import annotations

import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

#: Longer than the longest that the log may hold back a line.
FLUSH = 0.2

_CONF = """
daemon off; master_process off; error_log stderr error; pid {folder}/pid; worker_rlimit_nofile 20000;
events {{ worker_connections 16384; }}
http {{
  log_format arrival '$msec $request_time $http_webhook_id $http_timer_due_at $http_timer_redelivery';
  access_log {folder}/log arrival buffer=64k flush=100ms;
  keepalive_requests 100000000; keepalive_timeout 300s; client_body_temp_path {folder}/body;
  server {{
    {listen}
    location / {{ return 204; }}
    # 3,000 bytes of which 2,000 go out at once and the rest 200 ms later: nginx has no other way to be slow.
    location /slow/ {{ sendfile_max_chunk 2000; limit_rate 10000; return 200 "{filling}"; }}
  }}
}}
"""


@dataclass(frozen=True, slots=True)
class Arrival:
    at_ms: float
    timer: str
    due_ms: float
    #: The value of `timer-redelivery`, or "-".
    redelivery: str

    @property
    def late_ms(self) -> float:
        return self.at_ms - self.due_ms


def parse(line: str) -> Arrival:
    """One line of the log. Arrived is written minus taken: a slow answer is logged when it ends."""
    written, taken, timer, due, redelivery = line.split()
    return Arrival(
        at_ms=round(1000 * float(written)) - round(1000 * float(taken)),
        timer=timer,
        due_ms=float("nan") if due == "-" else round(1000 * datetime.fromisoformat(due).timestamp()),
        redelivery=redelivery,
    )


class Sink:
    """`urls` has one URL for each port; `/slow/` below it answers after 200 ms."""

    def __init__(self, ports: Sequence[int], folder: Path, pid: int) -> None:
        self.urls = [f"http://127.0.0.1:{port}/hook" for port in ports]
        self.slow_urls = [f"http://127.0.0.1:{port}/slow/hook" for port in ports]
        self.pid = pid
        self._log = folder / "log"
        self._begin = self._seen = self._count = 0

    @property
    def url(self) -> str:
        return self.urls[0]

    def clear(self) -> None:
        """Forget what has arrived."""
        time.sleep(FLUSH)
        self._begin = self._seen = self._log.stat().st_size
        self._count = 0

    def count(self) -> int:
        """How many have arrived, some 100 ms ago."""
        with self._log.open("rb") as log:
            log.seek(self._seen)
            more = log.read()
        self._seen += len(more)
        self._count += more.count(b"\n")
        return self._count

    def wait_for(self, count: int, seconds: float, alive: Callable[[], bool] = lambda: True) -> bool:
        """Whether so many arrived in time."""
        until = time.monotonic() + seconds
        while self.count() < count:
            if time.monotonic() > until or not alive():
                return False
            time.sleep(0.02)
        return True

    def arrivals(self) -> list[Arrival]:
        time.sleep(FLUSH)
        with self._log.open() as log:
            log.seek(self._begin)
            return [parse(line) for line in log]


@contextmanager
def sink(ports: int = 1) -> Iterator[Sink]:
    binary = shutil.which("nginx") or shutil.which("/usr/sbin/nginx")
    if binary is None:
        raise SystemExit("nginx is not installed: apt-get install nginx-light")
    with tempfile.TemporaryDirectory(prefix="ts-nginx-") as name:
        folder, numbers = Path(name), _free_ports(ports)
        listen = " ".join(f"listen 127.0.0.1:{port} backlog=8192;" for port in numbers)
        conf = folder / "nginx.conf"
        conf.write_text(_CONF.format(folder=folder, listen=listen, filling="." * 3000))
        process = subprocess.Popen([binary, "-c", str(conf), "-p", name])
        try:
            while not (folder / "pid").exists():
                if process.poll() is not None:
                    raise SystemExit("nginx did not start")
                time.sleep(0.01)
            yield Sink(numbers, folder, process.pid)
        finally:
            process.terminate()
            process.wait()


def _free_ports(count: int) -> list[int]:
    with ExitStack() as open_ones:
        held = [open_ones.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [int(one.getsockname()[1]) for one in held]
