"""`make package`: what is built here is installed where nothing of the checkout is, and used there.

Not among the tests that pytest collects by itself: two installs load about 30 MB. They take the newest versions that
setup.cfg allows, as `pip install timer-service` does, so a release of a library that breaks us is found here.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from zipfile import ZipFile

import pytest

from tests.bench.processes import Up
from tests.bench.receiver import Receiver

ROOT = Path(__file__).parents[2]
#: Of the client and the command line with all that they need. Two fifths of it is requests, click and what
#: these bring. CHANGELOG.md promises 10 MB, rounded; it was 10.08 when the cluster, moves and traces were in.
MOST_MEGABYTES = 10.5

# Seconds: an index may be slow.
pytestmark = pytest.mark.timeout(600)


def run(*command: str | Path, cwd: Path) -> str:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def tracked(*paths: str) -> list[str]:
    return run("git", "ls-files", *paths, cwd=ROOT).splitlines()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("package")


@pytest.fixture(scope="module")
def checkout(folder: Path) -> Path:
    """The files that git knows, as they are now: without what earlier builds have left."""
    copy = folder / "checkout"
    for name in tracked():
        if (ROOT / name).exists():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, copy / name)
    return copy


@pytest.fixture(scope="module")
def wheel(folder: Path, checkout: Path) -> Path:
    """Made from the sdist, which is made from the checkout."""
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", folder / "dist", checkout, cwd=folder)
    assert len([*folder.glob("dist/*.tar.gz")]) == 1
    (found,) = folder.glob("dist/*.whl")
    return found


class Environment:
    """One of its own, with a wheel installed."""

    def __init__(self, place: Path, wheel: Path, extras: str = "") -> None:
        self.place = place
        self.python = place / "bin/python"
        self.command = str(place / "bin/timer-service")
        run(sys.executable, "-m", "venv", "--without-pip", place, cwd=place.parent)
        pip: Sequence[str | Path] = [
            sys.executable,
            "-m",
            "pip",
            "--python",
            self.python,
            "--disable-pip-version-check",
        ]
        run(*pip, "install", "--quiet", f"timer-service{extras} @ {wheel.as_uri()}", cwd=place.parent)

    def megabytes(self) -> float:
        return sum(path.stat().st_size for path in self.place.glob("lib/**/*") if path.is_file()) / 1e6


@pytest.fixture(scope="module")
def bare(folder: Path, wheel: Path) -> Environment:
    return Environment(folder / "bare", wheel)


@pytest.fixture(scope="module")
def whole(folder: Path, wheel: Path) -> Environment:
    return Environment(folder / "whole", wheel, "[up,fast]")


@pytest.fixture
def up(whole: Environment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Up]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PYTHONPATH", raising=False)
    running = Up(tmp_path, command=(whole.command,))
    yield running
    running.stop()


def test_a_wheel_of_the_sdist_is_that_of_the_checkout(folder: Path, checkout: Path, wheel: Path) -> None:
    run(sys.executable, "-m", "build", "--no-isolation", "--wheel", "--outdir", folder / "direct", checkout, cwd=folder)
    with ZipFile(wheel) as one, ZipFile(folder / "direct" / wheel.name) as other:
        assert {name: one.read(name) for name in one.namelist()} == {
            name: other.read(name) for name in other.namelist()
        }


def test_the_wheel_has_every_file_of_both_packages_and_no_other(wheel: Path) -> None:
    with ZipFile(wheel) as it:
        inside = [name for name in it.namelist() if ".dist-info/" not in name]
    assert sorted(inside) == sorted(tracked("scheduler", "timer_service"))
    assert {"scheduler/py.typed", "timer_service/py.typed"} < set(inside)


def test_nothing_of_the_checkout_can_be_imported_there(bare: Environment, whole: Environment, tmp_path: Path) -> None:
    code = (
        "import sys, scheduler, timer_service; print(*sys.path, scheduler.__file__, timer_service.__file__, sep='\\n')"
    )
    for it in (bare, whole):
        assert str(ROOT) not in run(it.python, "-c", code, cwd=tmp_path)


def test_the_bare_install_has_a_few_megabytes(bare: Environment, capsys: pytest.CaptureFixture[str]) -> None:
    size = bare.megabytes()
    with capsys.disabled():
        print(f"\npip install timer-service: {size:.1f} MB")
    assert size < MOST_MEGABYTES
    assert "timer" in run(bare.command, "--help", cwd=bare.place)


def test_the_bare_install_says_in_one_line_what_up_needs(bare: Environment) -> None:
    done = subprocess.run([bare.command, "up"], cwd=bare.place, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert re.fullmatch(r"Error: this command needs \w+, .*: pip install 'timer-service\[up\]'\n", done.stderr)


def test_up_delivers_what_the_bare_install_sets(bare: Environment, up: Up, receiver: Receiver, tmp_path: Path) -> None:
    where = ["--url", up.url(), "-o", "id"]
    timer = run(bare.command, "timer", "set", "1s", f"{receiver.url}/hook", *where, cwd=tmp_path).strip()
    (hit,) = receiver.wait_for(1, 30)
    assert (hit.path, hit.timer_id) == ("/hook", timer)
    assert run(bare.command, "timer", "watch", timer, *where, cwd=tmp_path) == f"{timer}\n"


def test_a_users_script_is_checked_against_our_types(bare: Environment, tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "from datetime import datetime, timedelta\n"
        "from timer_service.client import AsyncTimerClient, TimerClient\n"
        "\n"
        "async def main(client: AsyncTimerClient) -> list[str]:\n"
        '    await client.create("https://example.com/hook", delay=timedelta(minutes=1))\n'
        '    return [timer.id async for timer in client.list(tag="a")]\n'
        "\n"
        'with TimerClient("http://127.0.0.1:8000") as client:\n'
        '    due: datetime = client.create("https://example.com/hook", delay=timedelta(minutes=1)).due_at\n'
    )
    mypy = [sys.executable, "-m", "mypy", "--strict", "--python-executable", str(bare.python), "script.py"]
    assert run(*mypy, cwd=tmp_path).startswith("Success")
    script.write_text(script.read_text().replace("due: datetime", "due: int"))
    wrong = subprocess.run(mypy, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert 'expression has type "datetime"' in wrong.stdout
