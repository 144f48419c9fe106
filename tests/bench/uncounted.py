"""Code that runs while its branches are not counted, and takes half the time."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def uncounted() -> Iterator[None]:
    """Also in the threads that it starts. pytest-cov's own mark, `no_cover`, does nothing in a worker of pytest-xdist:
    it ends one count, and the one that lies under it goes on (7.1.0)."""
    here, of_threads = sys.gettrace(), threading.gettrace()
    sys.settrace(None)
    threading.settrace(None)
    try:
        yield
    finally:
        threading.settrace(of_threads)
        sys.settrace(here)
