"""Tests of which no branch is counted run without what counts, also in a worker of several."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

_ROOT = Path(__file__).parents[2]
_TOLD = """
import sys, threading
from tests.bench.uncounted import uncounted

def of_a_thread():
    found = []
    thread = threading.Thread(target=lambda: found.append(sys.gettrace()))
    thread.start()
    thread.join()
    return found[0]

def test_it():
    assert sys.gettrace() and of_a_thread()
    with uncounted():
        assert not sys.gettrace() and not of_a_thread()
    assert sys.gettrace() and of_a_thread()
"""


@pytest.mark.skipif(sys.version_info >= (3, 14), reason="from Python 3.14 on coverage.py counts without tracing")
@pytest.mark.parametrize("workers", [[], ["-n", "1"]], ids=["alone", "in a worker"])
def test_uncounted_code_is_not_traced_and_what_follows_is(tmp_path: Path, workers: list[str]) -> None:
    """Red with pytest-cov's mark `no_cover` instead, in a worker."""
    (tmp_path / "test_it.py").write_text(_TOLD)
    (tmp_path / "pytest.ini").write_text(f"[pytest]\npythonpath = {_ROOT}\n")
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--cov=.", "--cov-report=", *workers, "."],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
