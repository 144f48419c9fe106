"""Which requests queue behind each other."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from timer_service.process.server.queues import Queues


def queue_of(method: str, path: str) -> str:
    queues = Queues(8, lambda *_: None)
    request: Any = SimpleNamespace(head=SimpleNamespace(method=method, path=path))
    found = queues.of(request)
    return next(name for name, threads in vars(queues).items() if threads is found)


@pytest.mark.parametrize("name", ["/timers", "/timer", "/%74imers", "/timer%73", "//timers", "///timer", "/%2Ftimers"])
def test_what_may_take_long_keeps_no_thread_from_others_however_its_path_is_written(name: str) -> None:
    """All views that take turns (list_limit.py), and batches; a slash more in front or at the end; escaped letters and
    slashes."""
    for method, rest in (
        *((method, rest) for method in ("GET", "HEAD") for rest in ("", "/", "/count", "/count/", "%2Fcount")),
        *(("POST", f"/{rest}") for rest in ("batch", "cancel", "replay", "batch/", "b%61tch")),
    ):
        assert queue_of(method, name + rest) == "_long", rest
    for method, rest in (("POST", ""), ("GET", "/x"), ("POST", "/x/fire"), ("PUT", "/by-key/count")):
        assert queue_of(method, name + rest) == "_most", rest
    for method, path in (
        *((method, path) for method in ("GET", "HEAD") for path in ("/failures", "/forecast", "/stats/minutes/")),
        *((method, "/ui/timers") for method in ("GET", "HEAD", "POST")),
        ("POST", "/ui/failed/replay"),
    ):
        assert queue_of(method, path) == "_long", path
    for method, path in (("GET", "/ui"), ("GET", "/ui/failed"), ("POST", "/ui/timers/x"), ("GET", "/stats")):
        assert queue_of(method, path) == "_most", path
    assert queue_of("GET", "/readyz") == queue_of("GET", "/ready%7A") == queue_of("GET", "//readyz/") == "_ready"
