"""One child process of the supervisor: its start, its deaths, and how long to wait before the next start."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

#: Seconds before a dead child is started again: after its first death, and at most; each death in a row doubles them.
_RESTART_DELAY = (0.1, 30.0)
#: Seconds of life after which a death is the first in a row again.
_LIVED = 60.0


def _nothing() -> None:
    pass


@dataclass
class Child:
    """A process that is to run for as long as we do: how it is started, and what became of it.

    Used by the supervisor alone. start() raises OSError, or what `prepare` raises.
    """

    name: str
    command: Sequence[str]
    #: Children of the highest rank stop first, together; then the next.
    rank: int
    #: Seconds it may take to stop by itself.
    patience: float
    #: The same once the user hurries us with a second signal.
    hurried: float = 0.0
    environ: Mapping[str, str] = field(default_factory=dict)
    pass_fds: Sequence[int] = ()
    #: Called before each start; an exception is a start that failed.
    prepare: Callable[[], object] = _nothing
    #: Whether it can still be reached. One that could be, and no longer can, is stopped and started again.
    reachable: Callable[[], bool] | None = None
    #: Where it says why it died, if not on stderr.
    log: str = ""
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    start_at: float = 0.0
    was_reachable: bool = False
    #: Deaths without a minute of life between them, and what the last was of.
    deaths: int = 0
    reason: str = ""

    def start(self) -> None:
        """In a process group of its own: a Ctrl-C at the terminal reaches the supervisor alone."""
        self.started_at, self.was_reachable = time.monotonic(), False
        self.prepare()
        self.process = subprocess.Popen(
            self.command,
            env={**os.environ, **self.environ},
            pass_fds=self.pass_fds,
            process_group=0,
            preexec_fn=die_with(os.getpid()),
            stdin=subprocess.DEVNULL,
        )

    def runs(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def refused(self) -> bool:
        """Whether it ended by itself with a failure, as it does for a setting or a store that cannot be."""
        return self.process is not None and (self.process.poll() or 0) > 0

    def is_cut_off(self) -> bool:
        if self.reachable is None or self.reachable():
            self.was_reachable = self.reachable is not None
            return False
        return self.was_reachable

    def note_death(self, reason: str, now: float) -> float:
        """Returns the seconds until it is started again."""
        self.process = None
        self.deaths = 1 if now > self.started_at + _LIVED else self.deaths + 1
        self.reason = reason
        first, most = _RESTART_DELAY
        delay: float = min(most, first * 2 ** min(self.deaths - 1, 20))
        self.start_at = now + delay
        return delay

    def keeps_dying(self, now: float) -> bool:
        return self.deaths > 1 and (self.process is None or now < self.started_at + _LIVED)

    def kill_group(self) -> None:
        """What it has started must not outlive it."""
        if self.process is not None:
            with contextlib.suppress(OSError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


def die_with(parent: int) -> Callable[[], None] | None:
    """What a child calls to be killed when its parent dies, even by kill -9. Linux only."""
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    set_parent_death_signal = 1

    def ask_kernel() -> None:
        prctl(set_parent_death_signal, signal.SIGKILL)
        if os.getppid() != parent:  # it died before we could ask
            os._exit(1)

    return ask_kernel
