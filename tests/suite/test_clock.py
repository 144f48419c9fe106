"""What watches a clock has three tries, each with fixtures of its own; all else has one."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
TESTS = """
import pathlib, pytest

@pytest.fixture
def tries(request, tmp_path):
    (tmp_path / "new").mkdir()
    with open(pathlib.Path(__file__).parent / request.node.name, "a") as file:
        yield file
    (tmp_path / "new").rmdir()

def try_again(tries, fails):
    tries.write("x")
    assert tries.tell() > fails

@pytest.mark.clock
def test_well(tries):
    try_again(tries, 0)

@pytest.mark.clock
def test_held_up_once(tries):
    try_again(tries, 1)

@pytest.mark.clock
def test_held_up_twice(tries):
    try_again(tries, 2)

@pytest.mark.clock
def test_too_slow(tries):
    try_again(tries, 9)

def test_of_no_clock(tries):
    try_again(tries, 1)
"""


def test_only_what_watches_a_clock_is_tried_again_and_fails_when_it_has_failed_three_times(tmp_path: Path) -> None:
    test = tmp_path / "test_it.py"
    test.write_text(TESTS)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "tests.bench.clock", "-p", "no:cacheprovider", str(test)]
    command += ["-c", str(ROOT / "setup.cfg"), f"--rootdir={tmp_path}", "-rfE"]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert "2 failed, 3 passed" in run.stdout, run.stdout
    assert re.findall(r"^FAILED \S+::(\w+)", run.stdout, re.MULTILINE) == ["test_too_slow", "test_of_no_clock"]
    tries = {path.name: len(path.read_text()) for path in tmp_path.glob("test_*") if not path.suffix}
    assert tries == {
        "test_well": 1,
        "test_held_up_once": 2,
        "test_held_up_twice": 3,
        "test_too_slow": 3,
        "test_of_no_clock": 1,
    }
