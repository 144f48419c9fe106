"""A project that is not ours: a folder and an environment of its own, and its own run of pytest."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
#: Seconds of one run of pytest, which imports all and may start the service, on a machine whose cores are all busy.
PATIENCE = 200


class Project:
    """Its files, and how its tests are run."""

    def __init__(self, folder: Path, python: Path) -> None:
        self.folder = folder
        self.python = python
        self._runs: list[subprocess.Popen[str]] = []

    def write(self, name: str, text: str) -> None:
        (self.folder / name).write_text(textwrap.dedent(text).lstrip())

    def begin(self, *words: str, **environ: str) -> subprocess.Popen[str]:
        """Its pytest, without the plugins that happen to be installed here."""
        clean = {
            name: value for name, value in os.environ.items() if not name.startswith(("TIMER_", "PYTEST_", "COV_"))
        }
        run = subprocess.Popen(
            [self.python, "-m", "pytest", "-q", "-p", "no:cacheprovider", *words],
            cwd=self.folder,
            env={**clean, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", **environ},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self._runs.append(run)
        return run

    def run(self, *words: str, **environ: str) -> str:
        """What a run says that must be green."""
        run = self.begin(*words, **environ)
        said, _ = run.communicate(timeout=PATIENCE)
        assert run.returncode == 0, said
        return said

    def end(self) -> None:
        for run in self._runs:
            if run.poll() is None:
                os.killpg(run.pid, signal.SIGKILL)
                run.wait()
            if run.stdout:
                run.stdout.close()


@pytest.fixture(scope="session")
def strangers_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of an environment of its own with our wheel, made of the checkout; what we need comes from ours, so that nothing
    is fetched."""
    folder = tmp_path_factory.mktemp("stranger")
    checkout = folder / "checkout"
    for package in ("scheduler", "timer_service"):
        shutil.copytree(ROOT / package, checkout / package, ignore=shutil.ignore_patterns("__pycache__"))
    for file in ("setup.cfg", "pyproject.toml", "README.md", "LICENSE", "MANIFEST.in"):
        shutil.copy2(ROOT / file, checkout / file)
    _run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, checkout)
    (wheel,) = folder.glob("*.whl")
    place = folder / "venv"
    _run(sys.executable, "-m", "venv", "--without-pip", place)
    python = place / "bin/python"
    pip = (sys.executable, "-m", "pip", "--python", python, "--disable-pip-version-check", "--no-input")
    _run(*pip, "install", "--quiet", "--no-deps", "--no-index", wheel)
    (site,) = place.glob("lib/python*/site-packages")
    # Behind its own; ours is found there first.
    (site / "zz_of_the_tests.pth").write_text("\n".join(it for it in sys.path if it.endswith("site-packages")))
    return python


def _run(*command: str | Path) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=PATIENCE)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture
def project(tmp_path: Path, strangers_python: Path) -> Iterator[Project]:
    folder = tmp_path / "shop"
    folder.mkdir()
    it = Project(folder, strangers_python)
    it.write("conftest.py", 'pytest_plugins = "timer_service.testing"\n')
    yield it
    it.end()
