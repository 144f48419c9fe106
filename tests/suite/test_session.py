"""The suite as a process among others: in the background of a script, stopped in the middle, hung.

Tried: SIGINT, SIGQUIT, SIGHUP and SIGCHLD inherited as ignored, SIGTERM inherited as blocked; a stop by SIGTERM while a
test waits for a child, sleeps, or does not let itself be stopped; children that ignore SIGTERM, that have a process
group or a session of their own, and grandchildren whose parent has ended.
"""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.bench.processes import alive, wait_until

ROOT = Path(__file__).parents[2]
INHERITED = (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP, signal.SIGCHLD)


def run_pytest(folder: Path, body: str, *options: str) -> subprocess.Popen[str]:
    """A run with our plugin of one test with this body, in a process that a careless script has started."""
    test = folder / "test_it.py"
    test.write_text(f"import os, pathlib, signal, subprocess, sys, time\n\ndef test_it():\n{body}")

    def careless() -> None:
        for number in INHERITED:
            signal.signal(number, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])

    command = [sys.executable, "-m", "pytest", "-q", "-p", "tests.bench.session", "-p", "no:cacheprovider", str(test)]
    return subprocess.Popen(
        [*command, "-c", str(ROOT / "setup.cfg"), f"--rootdir={folder}", *options],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        preexec_fn=careless,
    )


def test_what_a_test_starts_does_not_inherit_ignored_or_blocked_signals(tmp_path: Path) -> None:
    body = """
    sleep = [sys.executable, "-c", "import time; print(flush=True); time.sleep(60)"]
    for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP, signal.SIGTERM):
        child = subprocess.Popen(sleep, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        child.stdout.readline()
        child.send_signal(number)
        assert child.wait(20) == -number
        child.stdout.close()
"""
    run = run_pytest(tmp_path, body)
    said, _ = run.communicate(timeout=100)
    assert run.returncode == 0, said


@pytest.mark.parametrize(
    ("signals", "options"),
    [([signal.SIGTERM], []), ([signal.SIGTERM, signal.SIGTERM], []), ([signal.SIGTERM], ["-n2"])],
    ids=["once", "twice", "with two workers"],
)
def test_a_run_that_is_stopped_leaves_nothing_running(
    tmp_path: Path, signals: list[signal.Signals], options: list[str]
) -> None:
    body = f"""
    stubborn = "import signal, subprocess, sys, time; signal.signal(signal.SIGTERM, signal.SIG_IGN)\\n"
    stubborn += "subprocess.Popen(['sleep', '3601'], start_new_session=True)\\n"
    code = stubborn + "print(flush=True); time.sleep(600)"
    for group in (None, 0):
        child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, process_group=group)
        child.stdout.readline()
    subprocess.run([sys.executable, "-c", stubborn])
    pathlib.Path({str(tmp_path / "ready")!r}).touch()
    while True:
        try:
            time.sleep(600)
        except BaseException:
            if {len(signals)} == 1:
                raise
            pathlib.Path({str(tmp_path / "heard")!r}).touch()
"""
    run = run_pytest(tmp_path, body, *options)
    wait_until((tmp_path / "ready").exists, 60, "a test under way")
    below = [int(pid) for pid in re.findall(r"\d+", _tree(run.pid))]
    assert len(below) >= 5
    for number, each in enumerate(signals):
        if number:
            wait_until((tmp_path / "heard").exists, 20, "the first signal")
        run.send_signal(each)
    assert run.wait(60) != 0
    wait_until(lambda: not any(map(alive, below)), 20, f"the end of {below}")
    assert run.stdout is not None
    run.stdout.close()


def _tree(pid: int) -> str:
    """The ids of all below; an orphan is ours too, since the run adopts it."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return " ".join([*children, *(_tree(int(child)) for child in children)])


def test_a_test_that_hangs_is_ended_by_its_time_limit(tmp_path: Path) -> None:
    run = run_pytest(tmp_path, "    subprocess.run(['sleep', '3600'])\n", "--timeout=1")
    said, _ = run.communicate(timeout=100)
    assert run.returncode == 1
    assert "Timeout" in said


def test_every_test_has_a_time_limit(pytestconfig: pytest.Config) -> None:
    assert 0 < float(pytestconfig.getini("timeout")) <= 300
