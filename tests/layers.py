"""Which layer a test is in, and in which order they run: the one place that decides.

quick       in one process: nothing of the service runs beside it, and no real store. `make quick`
servers     parts of ours in the test's own process, beside a real store, or receivers on real sockets
processes   the service as its users run it
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import pytest

LAYERS = ("quick", "servers", "processes")
_TESTS = Path(__file__).parent
#: What a test in a folder (or file) of tests/ needs at least; its fixtures may need more.
_LEAST: Mapping[str, str] = {
    "unit": "quick",
    "recurrence": "quick",
    "store": "quick",
    "store/test_dialling.py": "servers",
    "store/test_durable_servers.py": "servers",
    "store/test_cluster_nodes.py": "servers",
    "store/test_half_done.py": "servers",
    "store/test_refusals.py": "servers",
    "store/test_sent.py": "servers",
    "store/moving": "servers",
    "client": "quick",
    "django": "quick",
    "django/test_backend.py": "processes",
    "django/test_example.py": "processes",
    "tasks": "quick",
    "tasks/test_celery_moved.py": "processes",
    "tasks/test_examples.py": "processes",
    "tasks/test_round_trip.py": "processes",
    "once": "servers",
    "once/test_marks.py": "quick",
    "api": "servers",
    "delivery": "servers",
    "sentinel": "servers",
    "sentinel/test_failovers.py": "processes",
    "test_poller.py": "servers",
    "test_pacing.py": "servers",
    "test_access_list.py": "servers",
    "end_to_end": "processes",
    "pages": "processes",
    "faults": "processes",
    "packaging": "processes",
    "history": "servers",
    "monitoring": "quick",
    "monitoring/test_prometheus.py": "processes",
    "tracing": "quick",
    "tracing/test_traces_of_a_run.py": "processes",
    "suite": "processes",
    "testing": "processes",
    "testing/test_captured.py": "quick",
    "testing/test_captured_blocks.py": "quick",
    "testing/test_captured_refusals.py": "quick",
    "testing/test_eager.py": "quick",
}
#: Files of half a minute and more: the longest first, and the first of all, for a worker has a file to itself.
_LONG = (
    "faults/test_schedule.py",
    "faults/test_planted.py",
    "api/test_schemathesis.py",
    "testing/test_service_fixture.py",
    "sentinel/test_failovers.py",
    "faults/test_once.py",
    "tracing/test_traces_of_a_run.py",
    "monitoring/test_prometheus.py",
)
#: What `make test` and `make clock` say to have those alone that watch a clock.
_ONLY_CLOCK = re.compile(r"clock( and \([^()]*\))?")
#: What a file says of each of its tests that watches a clock.
_CLOCK = "mark.clock"
_SERVERS = {"server", "cluster", "valkey_server", "redis_server", "own_server", "receiver"}
_PROCESSES = {"service", "up", "field", "keys"}


def layer_of(item: pytest.Item) -> str:
    least = _least(item.path)
    fixtures = set(getattr(item, "fixturenames", ()))
    if least == "processes" or fixtures & _PROCESSES:
        return "processes"
    real = fixtures & _SERVERS or store_of(item) in ("valkey", "redis", "cluster")
    if least == "servers" or real or item.get_closest_marker("slow"):
        return "servers"
    return "quick"


def store_of(item: pytest.Item) -> str | None:
    """The kind of store that it runs on, if it runs on several."""
    called = getattr(item, "callspec", None)
    kind = called.params.get("client", called.params.get("store")) if called else None
    return kind if isinstance(kind, str) else None


def may_have(marks: str, path: Path) -> bool:
    """Whether a file may have tests of what `-m` says: others are not imported, which takes ten seconds for all."""
    if path.is_dir() or not path.name.startswith("test_"):
        return True
    if _ONLY_CLOCK.fullmatch(marks):
        return _CLOCK in path.read_text()
    return marks not in LAYERS or LAYERS.index(_least(path)) <= LAYERS.index(marks)


def check_clock(item: pytest.Item) -> None:
    """A test that watches a clock is marked in its own file, or it would not be found there."""
    if item.get_closest_marker("clock") and _CLOCK not in item.path.read_text():
        raise pytest.UsageError(f"{item.nodeid} is marked `clock` elsewhere than in its file: see tests/layers.py")


def longest_first(item: pytest.Item) -> tuple[int, int]:
    """So that the workers end together: whole files of processes begin, and the long ones before all."""
    place = next((n for n, file in enumerate(_LONG) if item.nodeid.startswith(f"tests/{file}")), len(_LONG))
    return place, -LAYERS.index(layer_of(item))


def _least(path: Path) -> str:
    inside = path.relative_to(_TESTS)
    least = _LEAST.get(inside.as_posix()) or _LEAST.get(inside.parent.as_posix()) or _LEAST.get(inside.parts[0])
    if least is None:
        raise pytest.UsageError(f"tests/{inside} is in no layer: say in tests/layers.py in which")
    return least
