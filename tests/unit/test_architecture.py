"""Which way the parts may know each other."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LUA = sorted((ROOT / "scheduler/store/lua").glob("*.lua"))


def test_the_engine_runs_without_flask() -> None:
    code = "import sys, scheduler; sys.exit(any(m in sys.modules for m in ('flask', 'timer_service', 'marshmallow')))"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_face_knows_the_store_by_the_engines_public_names_only() -> None:
    inside = re.compile(r"(from|import) scheduler\.|import redis")
    knowing = {path.name for path in (ROOT / "timer_service").rglob("*.py") if inside.search(path.read_text())}
    assert knowing <= {"embedded.py"}  # it must ask the server it starts whether it answers


@pytest.mark.parametrize("path", LUA, ids=lambda path: path.name)
def test_every_script_opens_with_its_contract(path: Path) -> None:
    text = path.read_text()
    if path.name == "shared.lua":
        return
    head = text.split("\n\n")[0]
    assert head.startswith("#!lua")
    for word in ("-- KEYS[1] timers:{p}:scheduled", "-- Computes ", "-- ARGV ", "-- Returns "):
        assert word in head


def test_the_engines_own_time_is_never_this_machines_wall_clock() -> None:
    for path in (ROOT / "scheduler").rglob("*.py"):
        assert "time.time()" not in path.read_text(), path
