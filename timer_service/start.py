"""Where the command begins: what must hold before the rest is loaded, which takes a while."""

from __future__ import annotations

import os
import signal
import sys


def main() -> None:
    if os.getpid() == 1:
        # The kernel keeps from process 1 of a container every signal that it has no handler for. Each command sets its
        # own later; until then a stop is a stop.
        signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    from timer_service.cli import main

    main()
