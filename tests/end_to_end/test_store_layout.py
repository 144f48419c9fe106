"""A store that cannot be served: each process ends at once, with the line that says what to do."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.bench.processes import COMMAND, free_port
from tests.bench.servers import Server

OLDER = ("timers:{0}:marker", "0123", "written by a version before 0.2.0")
LATER = ("timers:{0}:layout", "format=2 partitions=1 born=1", "reads up to format 1")
VIRTUAL = ("timers:{0}:layout", "format=1 clock=virtual partitions=1 born=1", "set TIMER_CLOCK=virtual")


@pytest.mark.parametrize(
    ("command", "key", "value", "said"),
    [("api", *LATER), ("poller", *OLDER), ("up", *OLDER), ("poller", *VIRTUAL), ("up", *VIRTUAL)],
)
def test_a_process_does_not_start_on_a_store_that_it_cannot_serve_and_says_what_to_do(
    valkey_server: Server, tmp_path: Path, command: str, key: str, value: str, said: str
) -> None:
    store = valkey_server.client()
    store.flushall()
    store.set(key, value)
    before = set(store.keys("*"))
    environ = {**os.environ, "TIMER_REDIS_URL": valkey_server.url, "TIMER_PORT": str(free_port())}
    done = subprocess.run(
        [COMMAND, command], env=environ, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 1, done
    assert said in done.stderr, done
    assert set(store.keys("*")) == before
