"""Wakes the loop of a transport from any thread, and from signal handlers."""

from __future__ import annotations

import os


class Alarm:
    """Rings until it is silenced. Open for as long as anybody has it, also when its transport is closed: the number of
    a closed one may be that of another file by then, which would hear the ring. Raises OSError when made."""

    def __init__(self) -> None:
        #: For an epoll, which finds it readable while it rings.
        self.descriptor = -1
        self.descriptor = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)

    def ring(self) -> None:
        os.eventfd_write(self.descriptor, 1)

    def silence(self) -> None:
        os.eventfd_read(self.descriptor)

    def __del__(self) -> None:
        if self.descriptor >= 0:  # not where none could be made
            os.close(self.descriptor)
