"""Starts processes in order, starts again those that die, as often as they do, and stops them in the opposite order."""

from __future__ import annotations

import logging
import os
import select
import signal
import sys
import time
from collections.abc import Callable, Container, Sequence

from timer_service.process.child import Child
from timer_service.process.signals import stop_signals

log = logging.getLogger(__name__)

#: Seconds after the first signal in which others are echoes of it: make hands on what the whole group got already.
_ECHO = 1.0
#: Seconds between two looks at the children.
_TICK = 0.25


class Supervisor:
    """Starts child processes, starts those that die again, and stops all at a signal; a second one hurries them.

    One a process, in its main thread, whose signals it takes. start() and run() raise nothing of their own; stop()
    ends all children. `watch_once` is one pass of `run`.
    """

    def __init__(self, tell: Callable[[Sequence[str]], None] = lambda _: None) -> None:
        """`tell` gets a sentence for each child that keeps dying, whenever that changes."""
        self._children: list[Child] = []
        self._tell = tell
        self._told: list[str] = []
        self._stop_at: float | None = None
        self._hurry = False
        self._alarm, wake = os.pipe()
        os.set_blocking(self._alarm, False)
        os.set_blocking(wake, False)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        for number in stop_signals():
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
        """Until a signal."""
        while not self.stopping:
            self.watch_once()
            self._sleep(_TICK)

    def watch_once(self) -> None:
        """One pass: note who died or cannot be reached, start who is due to start again, say who keeps dying."""
        now = time.monotonic()
        for child in self._children:
            if child.process is None:
                if now >= child.start_at:
                    self._start_again(child)
            elif (code := child.process.poll()) is not None:
                child.kill_group()
                self._note_death(child, f"signal {-code}" if code < 0 else f"exit code {code}", now)
            elif child.is_cut_off():
                log.warning("%s cannot be reached any more: starting it again", child.name)
                self._stop_all([child])
                self._start_again(child)
        _reap_orphans({child.process.pid for child in self._children if child.process is not None})
        self._tell_who_keeps_dying(now)

    def _start_again(self, child: Child) -> None:
        try:
            child.start()
        except Exception as error:  # no memory, too many processes, no folder: whatever it is, the others go on
            self._note_death(child, f"no start: {error}", time.monotonic())

    def _note_death(self, child: Child, reason: str, now: float) -> None:
        delay = child.note_death(reason, now)
        see = f"; see {child.log}" if child.log else ""
        log.log(
            logging.WARNING if child.deaths == 1 else logging.ERROR,
            "%s died with %s%s; starting it again in %.1f s%s",
            child.name,
            reason,
            "" if child.deaths == 1 else f", {child.deaths} times in a row",
            delay,
            see,
        )

    def _tell_who_keeps_dying(self, now: float) -> None:
        told = [
            f"{child.name} keeps dying: {child.deaths} times in a row, last with {child.reason}"
            for child in self._children
            if child.keeps_dying(now)
        ]
        if told != self._told:
            self._told = told
            self._tell(told)

    def stop(self) -> None:
        """End all children, rank by rank, each with its patience."""
        for rank in sorted({child.rank for child in self._children}, reverse=True):
            self._stop_all([child for child in self._children if child.rank == rank and child.runs()])

    def _stop_all(self, running: Sequence[Child]) -> None:
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


def _reap_orphans(children: Container[int]) -> None:
    """As process 1 of a container we inherit what others have left; once ended it would stay a zombie."""
    while sys.platform == "linux":
        try:
            ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        except ChildProcessError:
            return
        if ended is None or ended.si_pid in children:  # a child of ours is for the next pass
            return
        os.waitpid(ended.si_pid, 0)
