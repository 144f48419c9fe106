"""`make faults` is stopped as people stop things, also in the background of a script, which has SIGINT ignored."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from tests.bench.processes import alive, wait_until
from tests.bench.session import descendants

ROOT = Path(__file__).parents[2]


def start(folder: Path) -> subprocess.Popen[bytes]:
    folder.mkdir()
    command = [sys.executable, "-m", "tests.faults.run", "--minutes=9", "--seed=1", "--rate=10"]
    with (folder / "said").open("wb") as said:
        return subprocess.Popen(
            command,
            cwd=ROOT,
            env={**os.environ, "TMPDIR": str(folder)},
            stdout=said,
            stderr=said,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN),
        )


def stop(run: subprocess.Popen[bytes], number: signal.Signals, folder: Path) -> None:
    said = folder / "said"
    wait_until(lambda: "creates" in said.read_text(), 60, "a schedule under way")
    below = descendants(run.pid)
    assert len(below) >= 7  # a store, three pollers, two APIs, a sink
    run.send_signal(number)
    assert run.wait(30) == 128 + number, said.read_text()
    wait_until(lambda: not any(map(alive, below)), 10, f"the end of {below}")
    assert list(folder.iterdir()) == [said]


def test_a_run_that_is_stopped_by_a_signal_leaves_neither_a_process_nor_a_folder(tmp_path: Path) -> None:
    """Red with the signals left as they are found: then SIGTERM leaves nine processes, and nothing obeys SIGINT."""
    signals = (signal.SIGINT, signal.SIGTERM)
    runs = [start(tmp_path / number.name) for number in signals]
    for number, run in zip(signals, runs, strict=True):
        stop(run, number, tmp_path / number.name)
