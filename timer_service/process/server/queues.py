"""Which threads serve which request, so that none waits for what another takes long over."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import unquote

from timer_service.process.server.connection import Connection
from timer_service.process.server.request_reader import Incoming
from timer_service.process.server.threads import Threads

Work = tuple[Connection, Incoming]

#: What may take long. These queue behind each other, lest they take the interpreter, the store and memory from others:
#: beside 31 clients that list 1,000 timers in a loop, a POST takes 23 ms and 72 at p99 instead of 461 and 2,150.
_LONG = {
    *(
        (method, f"/{name}{what}")
        for method in ("GET", "HEAD")
        for name in ("timers", "timer")
        for what in ("", "/count")
    ),
    *((method, "/openapi.json") for method in ("GET", "HEAD")),
    *(("POST", f"/{name}/{what}") for name in ("timers", "timer") for what in ("batch", "cancel", "replay")),
    *((method, path) for method in ("GET", "HEAD") for path in ("/failures", "/forecast", "/stats/minutes")),
    *((method, "/ui/timers") for method in ("GET", "HEAD", "POST")),
    ("POST", "/ui/failed/replay"),
}
_LONG_AT_ONCE = 2


class Queues:
    """Threads in three groups: for probes of readiness, for what may take long, and for everything else."""

    def __init__(self, threads: int, serve: Callable[[Threads[Work], Work], None]) -> None:
        self._most: Threads[Work] = Threads(threads, serve)
        self._long: Threads[Work] = Threads(_LONG_AT_ONCE, serve)
        #: /readyz waits for the store, and its caller for no one else.
        self._ready: Threads[Work] = Threads(1, serve)

    def of(self, request: Incoming) -> Threads[Work]:
        # Werkzeug takes any number of slashes in front for one, and one at the end for none.
        method, path = request.head.method, "/" + unquote(request.head.path).strip("/")
        if path == "/readyz":
            return self._ready
        return self._long if (method, path) in _LONG else self._most
