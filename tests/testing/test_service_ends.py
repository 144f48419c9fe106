"""The service of the fixture ends with its pytest, and is another one where a test has ended it."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest

from tests.bench.processes import alive, wait_until
from tests.bench.session import descendants
from tests.testing.conftest import PATIENCE, Project

#: Seconds in which what was started has ended with its pytest: it stops in good order.
ENDED = 10

#: Tells where the service runs, and goes on until its file is taken away.
STAYS = """
import os
import time
from pathlib import Path


def test_stays(timer_service):
    Path("started").write_text(timer_service.url)
    while Path("started").exists():
        time.sleep(0.05)
"""

#: In the place of its `while`: has forked before.
FORKS = """forked = os.fork() or [os.setsid(), time.sleep(600)]
    Path("forked").write_text(str(forked))
    while"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT], ids=lambda it: it.name)
def test_the_service_ends_with_its_pytest_however_that_ends(project: Project, number: signal.Signals) -> None:
    project.write("test_stays.py", STAYS)
    run, below = _staying(project)
    run.send_signal(number)
    run.wait(PATIENCE)
    wait_until(lambda: not any(map(alive, below)), ENDED, f"all of {below} ended")


def test_the_service_ends_with_its_pytest_though_a_child_of_that_lives_on(project: Project) -> None:
    """Red if only a socket told it: what pytest has forked keeps that open."""
    project.write(
        "test_stays.py",
        STAYS.replace(
            "while",
            FORKS,
        ),
    )
    run, below = _staying(project)
    forked = int(wait_until(lambda: _read(project.folder / "forked"), ENDED, "a fork"))
    below -= {forked}
    try:
        run.kill()
        run.wait(PATIENCE)
        wait_until(lambda: not any(map(alive, below)), ENDED, f"all of {below} ended")
        assert alive(forked)
    finally:
        os.kill(forked, signal.SIGKILL)


def test_a_service_that_a_test_has_ended_is_another_for_the_next_one(project: Project) -> None:
    project.write(
        "test_ended.py",
        """
        import os
        import signal
        from pathlib import Path
        from timer_service.testing import TimerService

        def test_one(timer_service: TimerService):
            children = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text().split()
            assert len(children) == 1
            os.kill(int(children[0]), signal.SIGKILL)

        def test_two(timer_service: TimerService):
            timer_service.client.create(timer_service.receiver_url, delay="3d")
            assert timer_service.advance("3d").attempts == 1
        """,
    )
    assert "2 passed" in project.run()


def _staying(project: Project) -> tuple[subprocess.Popen[str], set[int]]:
    """A run that stays in its test, and the ids of all processes below it."""
    run = project.begin()
    wait_until(lambda: _read(project.folder / "started") or run.poll() is not None, 40, "a service")
    assert run.poll() is None, run.communicate()[0]
    below = descendants(run.pid)
    assert len(below) >= 4  # up, its store, its poller, its API
    return run, below


def _read(file: Path) -> str:
    return file.read_text() if file.exists() else ""
