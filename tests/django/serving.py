"""The configured project on a port of loopback."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from django.core.wsgi import get_wsgi_application
from werkzeug.serving import make_server


@contextmanager
def serving() -> Iterator[str]:
    """The URL of run_task, served by threads of this process."""
    server = make_server("127.0.0.1", 0, get_wsgi_application(), threaded=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/timer-tasks/"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
