"""How parts are kept alive: pauses that grow, a minute of life that is a new beginning, and starts that fail."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from tests.bench.processes import wait_until
from timer_service import supervisor_notes
from timer_service.process.child import Child
from timer_service.process.supervisor import Supervisor
from timer_service.supervisor_notes import Notes

SLEEP = [sys.executable, "-c", "import time; time.sleep(600)"]


@pytest.fixture
def told() -> list[list[str]]:
    return []


@pytest.fixture
def supervisor(told: list[list[str]]) -> Iterator[Supervisor]:
    numbers = (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
    before = [signal.getsignal(number) for number in numbers]
    it = Supervisor(tell=lambda sentences: told.append(list(sentences)))
    yield it
    it.stop()
    signal.set_wakeup_fd(-1)
    for number, handler in zip(numbers, before, strict=True):
        signal.signal(number, handler)


def watch_until(supervisor: Supervisor, true: Callable[[], bool]) -> None:
    def look() -> bool:
        supervisor.watch_once()
        return true()

    wait_until(look, 20, "what the supervisor is to see")


def test_pauses_double_up_to_half_a_minute_and_begin_anew_after_a_minute_of_life() -> None:
    child = Child("x", SLEEP, 0, 1)
    now = 1000.0
    pauses = []
    for _ in range(12):
        child.started_at = now
        now += 59
        pauses.append(child.note_death("signal 9", now))
    assert pauses == [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 30, 30, 30]
    assert child.keeps_dying(now)
    child.started_at = now
    assert child.note_death("signal 9", now + 61) == 0.1
    assert not child.keeps_dying(now + 61)


def test_a_program_that_cannot_be_started_again_is_a_death_and_ends_nothing_else(
    supervisor: Supervisor, told: list[list[str]]
) -> None:
    """Tried: a program that is gone, a folder that cannot be made, no memory."""
    other, broken = Child("other", SLEEP, 0, 1), Child("broken", SLEEP, 0, 1)
    supervisor.start(other)
    supervisor.start(broken)
    failures: Sequence[Exception] = [MemoryError("none left"), FileNotFoundError("gone"), RuntimeError("no folder")]

    def fail() -> None:
        raise failures[broken.deaths % 3]

    broken.prepare = fail
    assert broken.process is not None
    assert other.process is not None
    broken.process.kill()
    pid = other.process.pid
    watch_until(supervisor, lambda: broken.deaths >= 4)
    assert (other.process.pid, other.process.poll()) == (pid, None)
    assert told[-1] == ["broken keeps dying: 4 times in a row, last with no start: none left"]
    broken.prepare = bool
    watch_until(supervisor, broken.runs)


@pytest.mark.parametrize(("end", "refused"), [("sys.exit(1)", True), ("sys.exit(0)", False), ("os.abort()", False)])
def test_a_first_start_that_is_refused_is_told_from_one_that_was_killed(
    supervisor: Supervisor, end: str, refused: bool
) -> None:
    child = Child("x", [sys.executable, "-c", f"import os, sys; {end}"], 0, 1)
    assert not supervisor.start(child, lambda: False, 20)
    assert child.refused() is refused


def test_a_part_that_can_no_longer_be_reached_is_started_again(supervisor: Supervisor) -> None:
    reachable = False
    child = Child("x", SLEEP, 0, 5, reachable=lambda: reachable)
    supervisor.start(child)
    assert child.process is not None
    first = child.process.pid
    supervisor.watch_once()
    assert child.process.pid == first  # it was not there yet
    reachable = True
    supervisor.watch_once()
    reachable = False
    supervisor.watch_once()
    assert child.process.pid != first
    assert (child.runs(), child.deaths) == (True, 0)


def test_what_others_have_left_to_us_is_reaped_and_our_own_keep_their_exit_codes(supervisor: Supervisor) -> None:
    child = Child("x", [sys.executable, "-c", "raise SystemExit(7)"], 0, 1)
    supervisor.start(child)
    orphan = os.fork()
    if orphan == 0:
        os._exit(0)
    watch_until(supervisor, lambda: child.deaths == 1)
    assert child.reason == "exit code 7"

    watch_until(supervisor, lambda: not Path(f"/proc/{orphan}").exists())


def test_notes_are_read_by_whoever_inherits_them_and_are_replaced_as_a_whole() -> None:
    notes = Notes()
    assert supervisor_notes.read(notes.environ) == []
    notes.tell(["one", "two"])
    code = "from timer_service import supervisor_notes; print(supervisor_notes.read())"
    command = [sys.executable, "-c", code]
    inherited = subprocess.run(
        command, env={**os.environ, **notes.environ}, pass_fds=[notes.descriptor], capture_output=True, text=True
    )
    assert inherited.stdout == "['one', 'two']\n"
    notes.tell(["long " * 100] * 100)
    assert len(supervisor_notes.read(notes.environ)) == 8
    os.close(notes.descriptor)
    assert supervisor_notes.read(notes.environ) == supervisor_notes.read({}) == []
