"""A receiver for trying things out: prints every webhook with the milliseconds between its due time and its arrival."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import time
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from timer_service.printable import printable


class Receiver(BaseHTTPRequestHandler):
    """Prints each request and answers 204."""

    protocol_version = "HTTP/1.1"

    def _receive(self) -> None:
        arrived = time.time()
        length = self.headers.get("content-length", "")
        body = self.rfile.read(int(length) if length.isdecimal() else 0)
        late = _lateness(arrived, self.headers.get("timer-due-at", ""))
        again = self.headers.get("timer-redelivery")
        line = (
            f"{self.command} {self.path}  {late}  id={self.headers.get('webhook-id')} "
            f"attempt={self.headers.get('timer-attempt')}{f' redelivery={again}' if again else ''}  "
            f"{body[:200].decode('utf-8', 'replace')}"
        )
        _print(printable(line))
        self.send_response(204)
        self.end_headers()

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = _receive

    def log_message(self, *args: object) -> None:
        """Nothing beside our own lines."""


_printing = threading.Lock()


def _print(line: str) -> None:
    """One write a line, or lines of several threads run into each other. Not by print(), whose buffer a thread may hold
    when we are told to stop."""
    with _printing, contextlib.suppress(BrokenPipeError):
        os.write(1, f"{line}\n".encode("utf-8", "backslashreplace"))


def _lateness(arrived: float, due: str) -> str:
    try:
        return f"{1000 * (arrived - datetime.fromisoformat(due).timestamp()):.1f} ms after due"
    except ValueError:
        return "no timer"


class Server(ThreadingHTTPServer):
    """One thread a connection."""

    #: Connections that wait to be accepted: of a thousand timers due at once the 5 of the standard library would lose
    #: most to the kernel, which tries again seconds later.
    request_queue_size = 1024
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """A sender that went away is no news."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


def run(host: str, port: int) -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # at once, also as process 1 of a container
    with Server((host, port), Receiver) as server:
        print(f"receiving on http://{host}:{server.server_port}", file=sys.stderr, flush=True)
        server.serve_forever()
