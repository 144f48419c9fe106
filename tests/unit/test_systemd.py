"""The units for systemd: without a mistake that systemd knows, hardened, and naming nothing that is not there."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from scheduler import Settings
from tests.bench import needed
from tests.bench.pages import ROOT, page, quoted, table
from timer_service.cli import main

FOLDER = ROOT / "deploy/systemd"
#: Part -> a name that is put for %i.
PARTS = {"api": "8000", "poller": "1"}
#: What `systemd-analyze security` may find at most, in tenths; 96 for a service without any of it.
_EXPOSURE = 20


def text_of(part: str) -> str:
    return (FOLDER / f"timer-service-{part}@.service").read_text()


def said(part: str, name: str) -> list[str]:
    """The values of a line, with the instance put in."""
    return [it.replace("%i", PARTS[part]) for it in re.findall(rf"^{name}=(.*)$", text_of(part), re.MULTILINE)]


def environ(part: str) -> dict[str, str]:
    return dict(it.split("=", 1) for it in said(part, "Environment"))


def analyzed(folder: Path, part: str, text: str, *words: str) -> subprocess.CompletedProcess[str]:
    """By systemd-analyze, with a command that is on this machine."""
    tool = needed.program("systemd-analyze", "systemd")
    unit = folder / f"timer-service-{part}@{PARTS[part]}.service"
    unit.write_text(text.replace("/opt/timer-service/bin/timer-service", sys.executable))
    return subprocess.run([tool, *words, unit], capture_output=True, text=True, check=False)


@pytest.mark.elsewhere
@pytest.mark.parametrize("part", PARTS)
def test_systemd_finds_no_mistake(part: str, tmp_path: Path) -> None:
    done = analyzed(tmp_path, part, text_of(part), "verify", "--man=no", "--recursive-errors=no")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    spoilt = text_of(part).replace("TimeoutStopSec=", "TimeOutStopSec=")
    assert "TimeOutStopSec" in analyzed(tmp_path, part, spoilt, "verify", "--man=no", "--recursive-errors=no").stderr


@pytest.mark.elsewhere
@pytest.mark.parametrize("part", PARTS)
def test_what_a_part_could_do_to_the_machine_is_bounded(part: str, tmp_path: Path) -> None:
    words = "security", "--offline=true", "--no-pager", f"--threshold={_EXPOSURE}"
    done = analyzed(tmp_path, part, text_of(part), *words)
    assert done.returncode == 0, done.stdout
    bare = re.sub(r"^(Protect|Restrict|SystemCall|Capability).*\n", "", text_of(part), flags=re.MULTILINE)
    assert analyzed(tmp_path, part, bare, *words).returncode != 0


@pytest.mark.parametrize("part", PARTS)
def test_commands_and_settings_are_there_and_are_accepted(part: str) -> None:
    assert said(part, "ExecStart") == [f"/opt/timer-service/bin/timer-service {part}"]
    assert part in main.commands
    assert environ(part).keys() <= {quoted(row[0])[0] for row in table(page("settings.md"), "variable", "default")}
    settings = Settings.from_env(environ(part))
    assert settings.signs
    assert (settings.has_keys, settings.port) == ((True, 8000) if part == "api" else (False, 8000))


def test_a_poller_shows_that_it_lives_where_it_may_write_and_tells_metrics_at_a_port_of_its_own() -> None:
    (folder,) = said("poller", "RuntimeDirectory")
    assert environ("poller")["TIMER_HEARTBEAT_FILE"] == f"%t/{folder}/alive"
    assert environ("poller")["TIMER_METRICS_PORT"] == "9101"


@pytest.mark.parametrize("part", PARTS)
def test_what_is_under_way_may_end_before_systemd_kills(part: str) -> None:
    assert int(said(part, "TimeoutStopSec")[0]) >= Settings().grace + 5
    assert said(part, "Restart") == ["always"]
