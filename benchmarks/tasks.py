"""What Python tasks cost: `.delay()`, the application that calls them, and the import.

    python -m benchmarks.tasks --quick

`.delay()` is one thread, one call after the other, over loopback to `timer-service api` on one Valkey. What the
application costs is CPU of this process for one signed request of a task that adds two numbers, without a web server.
"""

from __future__ import annotations

import io
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks import part
from benchmarks.cpu import Meter
from benchmarks.figures import Row, percentile
from benchmarks.part import Options, Part, repeat
from scheduler import Signer
from tests.bench.processes import Service
from tests.bench.receiver import SECRET
from timer_service.tasks import Task, Tasks

DELAY, SERVED, IMPORTED = ".delay(), one thread", "a task served as WSGI", "import timer_service.tasks"
_ID = "A" * 22
_IMPORT = """
import time
begun = time.perf_counter()
import timer_service.tasks
print(1000 * (time.perf_counter() - begun))
"""


def measure(options: Options) -> tuple[list[Row], dict[str, Any]]:
    ways: dict[str, Callable[[], Row]] = {
        DELAY: lambda: _delayed(options.size(5, 1)),
        SERVED: lambda: _served(options.size(20_000, 1_000)),
        IMPORTED: lambda: _imported(options.size(15, 3)),
    }
    return [{"what": what, **repeat(what, options.rounds, one)} for what, one in ways.items()], {}


def _add(tasks: Tasks) -> Task[[int, int], int]:
    return tasks.task(name="add")(lambda a, b: a + b)


def _delayed(seconds: float) -> Row:
    with tempfile.TemporaryDirectory() as folder:
        service = Service(Path(folder))
        try:
            api = service.api()
            tasks = Tasks(service.url, "http://127.0.0.1:9000/tasks", SECRET)
            add = _add(tasks)
            for _ in range(200):  # until both sides have loaded all that they need
                add.delay(2, 3)
            meter, own = Meter(api=api.process.pid, store=service.store.pid), time.process_time()
            waits, until = [], time.perf_counter() + seconds
            while (begun := time.perf_counter()) < until:
                add.delay(2, 3)
                waits.append(1000 * (time.perf_counter() - begun))
            spent = {**meter.spent(), "client": time.process_time() - own}
            tasks.client.close()
        finally:
            service.remove()
    waits.sort()
    cpu = {f"{name}_cpu_ms": 1000 * seconds / len(waits) for name, seconds in spent.items()}
    return {"count": float(len(waits)), "p50_ms": percentile(waits, 50), "p99_ms": percentile(waits, 99), **cpu}


def _served(count: int) -> Row:
    tasks = Tasks("http://127.0.0.1:9", "http://127.0.0.1:9/tasks", SECRET)
    _add(tasks)
    environ = _environ(json.dumps({"task": "add", "args": [2, 3], "kwargs": {}, "v": 1}).encode())
    spent = []
    for _ in range(count):
        environ["wsgi.input"].seek(0)
        begun = time.process_time_ns()
        answer = tasks.wsgi_app(environ, lambda *_: None)
        spent.append((time.process_time_ns() - begun) / 1e6)
        assert answer == [b"5"]
    spent.sort()
    return {"count": float(count), "p50_ms": percentile(spent, 50), "p99_ms": percentile(spent, 99)}


def _environ(body: bytes) -> dict[str, Any]:
    """As a web server makes it of a request of the service's."""
    now = int(time.time())
    return {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": "/tasks",
        "CONTENT_TYPE": "application/json",
        "CONTENT_LENGTH": str(len(body)),
        "HTTP_HOST": "127.0.0.1:9",
        "HTTP_USER_AGENT": "timer-service",
        "HTTP_WEBHOOK_ID": _ID,
        "HTTP_WEBHOOK_TIMESTAMP": str(now),
        "HTTP_WEBHOOK_SIGNATURE": Signer(SECRET).sign(_ID, now, body),
        "HTTP_TIMER_ID": _ID,
        "HTTP_TIMER_ATTEMPT": "1",
        "HTTP_TIMER_DUE_AT": "2026-11-27T07:00:00.000Z",
        "HTTP_TIMER_LATENESS_MS": "1",
        "wsgi.input": io.BytesIO(body),
    }


def _imported(count: int) -> Row:
    """What a process that has just begun takes for it."""
    spent = sorted(float(subprocess.check_output([sys.executable, "-c", _IMPORT])) for _ in range(count))
    return {"count": float(count), "p50_ms": percentile(spent, 50), "p99_ms": percentile(spent, 99)}


PART = Part("tasks", __doc__, measure)

if __name__ == "__main__":
    part.main(PART)
