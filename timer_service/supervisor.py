"""Starts processes in order, starts again those that die, and stops them in the opposite order."""

from __future__ import annotations

import contextlib
import ctypes
import logging
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

log = logging.getLogger(__name__)

#: A child that dies more often than this many times in so many seconds is not started again.
_MAX_DEATHS, _WITHIN = 5, 60.0
#: Seconds before a dead child is started again: first, and at most.
_RESTART_DELAY = (0.1, 5.0)
#: Seconds after the first signal in which others are echoes of it: make hands on what the whole group got already.
_ECHO = 1.0
_TICK = 0.25


class ChildKeepsDying(Exception):
    """One child cannot be kept alive; the message names it."""


@dataclass
class Child:
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
    process: subprocess.Popen[bytes] | None = None
    deaths: list[float] = field(default_factory=list)
    start_at: float = 0.0

    def start(self) -> None:
        """In a process group of its own: a Ctrl-C at the terminal reaches the supervisor alone."""
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

    def kill_group(self) -> None:
        """What it has started must not outlive it."""
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


class Supervisor:
    """`watch_once` is one pass, `run` the loop; a signal is the stop, a second one the hurry."""

    def __init__(self) -> None:
        self._children: list[Child] = []
        self._stop_at: float | None = None
        self._hurry = False
        self._alarm, wake = os.pipe()
        os.set_blocking(self._alarm, False)
        os.set_blocking(wake, False)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._on_signal)

    @property
    def stopping(self) -> bool:
        return self._stop_at is not None

    def start(self, child: Child, ready: Callable[[], bool] | None = None, patience: float = 0.0) -> bool:
        """Start a child; with `ready`, wait until it is. False if it died, was not ready in time, or we are to stop."""
        child.start()
        self._children.append(child)
        until = time.monotonic() + patience
        while ready is not None and not ready():
            if self.stopping or not child.runs() or time.monotonic() > until:
                return False
            self._sleep(0.05)
        return True

    def run(self) -> None:
        """Until a signal. Raises ChildKeepsDying."""
        while not self.stopping:
            self.watch_once()
            self._sleep(_TICK)

    def watch_once(self) -> None:
        """One pass: note who died, start who is due to start again. Raises ChildKeepsDying."""
        now = time.monotonic()
        for child in self._children:
            if child.process is None:
                if now >= child.start_at:
                    child.start()
            elif (code := child.process.poll()) is not None:
                child.kill_group()
                child.process = None
                self._note_death(child, code, now)

    def stop(self) -> None:
        """End all children, rank by rank, each with its patience."""
        for rank in sorted({child.rank for child in self._children}, reverse=True):
            running = [child for child in self._children if child.rank == rank and child.runs()]
            for child in running:
                assert child.process is not None
                child.process.terminate()
            begun = time.monotonic()
            while any(self._waits_for(child, begun) for child in running):
                self._sleep(0.05)
            for child in running:
                if child.runs():
                    log.warning("%s did not stop in time: killed", child.name)
                child.kill_group()

    def _waits_for(self, child: Child, begun: float) -> bool:
        patience = child.hurried if self._hurry else child.patience
        return child.runs() and time.monotonic() < begun + patience

    def _note_death(self, child: Child, code: int, now: float) -> None:
        child.deaths = [death for death in child.deaths if now - death < _WITHIN] + [now]
        reason = f"signal {-code}" if code < 0 else f"exit code {code}"
        if len(child.deaths) > _MAX_DEATHS:
            raise ChildKeepsDying(
                f"{child.name} died {len(child.deaths)} times within {_WITHIN:.0f} s, last with {reason}; giving up"
            )
        first, most = _RESTART_DELAY
        delay = min(most, first * 2 ** (len(child.deaths) - 1))
        log.warning("%s died with %s; starting it again in %.1f s", child.name, reason, delay)
        child.start_at = now + delay

    def _on_signal(self, *_: object) -> None:
        now = time.monotonic()
        if self._stop_at is None:
            self._stop_at = now
        elif now > self._stop_at + _ECHO:
            self._hurry = True

    def _sleep(self, seconds: float) -> None:
        """Until a signal, the death of a child, or `seconds` are over."""
        if select.select([self._alarm], [], [], seconds)[0]:
            os.read(self._alarm, 4096)


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
