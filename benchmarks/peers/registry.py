"""Who is compared, and how each is installed: in an environment of its own, never in the product's."""

from __future__ import annotations

import importlib.metadata
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[2]
#: Not in the repository; `make clean` removes it.
HOME = ROOT / "build" / "peers"


class Absent(Exception):
    """A peer that cannot be installed here; the message says why."""


@dataclass(frozen=True, kw_only=True)
class Peer:
    name: str
    module: str
    #: The first gives the version.
    packages: tuple[str, ...]
    #: The command of its worker, in its environment.
    worker: str
    #: What its line in the table says of how it runs.
    how: str
    #: Posts due at once; fewer for one that would take minutes.
    heap: int = 5000
    #: Posts due at once when its worker is killed; so few that without the kill all would arrive in a minute.
    doomed: int = 1000
    environ: Mapping[str, str] = field(default_factory=dict)

    @property
    def home(self) -> Path:
        return HOME / self.name.lower().replace(" ", "-")

    def install(self) -> str:
        """Its version, once it is there. Raises Absent."""
        stamp = self.home / "installed"
        if not stamp.exists() or stamp.read_text() != " ".join(self.packages):
            self.home.mkdir(parents=True, exist_ok=True)
            for command in self._installing():
                _run(command, self.home)
            stamp.write_text(" ".join(self.packages))
        return self._version()

    def setting(self) -> tuple[str, ...]:
        """The command that sets an order, which is its last argument."""
        return (str(self._python()), "-m", f"benchmarks.peers.{self.module}")

    def working(self) -> tuple[str, ...]:
        program, *words = self.worker.split()
        return (str(self._python().with_name(program)), *words)

    def _python(self) -> Path:
        return self.home / "bin" / "python"

    def _installing(self) -> list[list[str]]:
        pip = [str(self._python()), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        return [[sys.executable, "-m", "venv", str(self.home)], [*pip, *self.packages]]

    def _version(self) -> str:
        name = re.split(r"[^a-z]", self.packages[0])[0]
        asked = f"import importlib.metadata as m; print(m.version({name!r}))"
        return _run([str(self._python()), "-c", asked], self.home).strip()


class NodePeer(Peer):
    def setting(self) -> tuple[str, ...]:
        return (sys.executable, "-m", "benchmarks.peers.node_set", str(ROOT / f"benchmarks/peers/{self.module}.mjs"))

    def working(self) -> tuple[str, ...]:
        return ("node", str(ROOT / f"benchmarks/peers/{self.module}.mjs"), self.worker)

    def _installing(self) -> list[list[str]]:
        if not shutil.which("npm"):
            raise Absent("npm is not installed")
        return [["npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", str(self.home), *self.packages]]

    def _version(self) -> str:
        name = self.packages[0].partition("@")[0]
        found = json.loads((self.home / "node_modules" / name / "package.json").read_text())
        return str(found["version"])


class Ours(Peer):
    def install(self) -> str:
        return importlib.metadata.version("timer-service")

    def _python(self) -> Path:
        return Path(sys.executable)


def _run(command: list[str], folder: Path) -> str:
    """Raises Absent with the last line of what it said."""
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Absent(f"{command[0]}: {error}") from None
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines()
        raise Absent(said[-1] if said else f"{command[0]} exited with {done.returncode}")
    return done.stdout


OURS = Ours(
    name="timer-service",
    module="ours_peer",
    packages=(),
    worker="timer-service poller",
    how="one poller",
    environ={
        "TIMER_EGRESS_ALLOW": "127.0.0.0/8",
        "TIMER_SIGNING_SECRETS": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    },
)
PEERS = (
    OURS,
    NodePeer(
        name="BullMQ",
        module="bullmq_peer",
        packages=("bullmq@6", "ioredis@5", "undici@7"),
        worker="worker",
        how="Node, concurrency 100, undici",
    ),
    Peer(
        name="Celery",
        module="celery_peer",
        packages=("celery[redis]>=5.5", "gevent", "requests"),
        worker="celery -A benchmarks.peers.celery_peer worker -P gevent -c 100 -l WARNING",
        how="gevent pool of 100, eta, requests",
    ),
    Peer(
        name="arq",
        module="arq_peer",
        packages=("arq>=0.26", "aiohttp"),
        worker="arq benchmarks.peers.arq_peer.WorkerSettings",
        how="max_jobs 100, aiohttp",
    ),
    Peer(
        name="Dramatiq",
        module="dramatiq_peer",
        packages=("dramatiq[redis]>=2", "requests"),
        worker="dramatiq benchmarks.peers.dramatiq_peer --processes 1",
        how="1 process of 8 threads, requests",
    ),
    Peer(
        name="RQ",
        module="rq_peer",
        packages=("rq>=2", "requests"),
        # The settings module is what makes it import requests once, before it forks, as its documentation advises.
        worker="rq worker --with-scheduler --quiet -c benchmarks.peers.rq_peer",
        how="worker --with-scheduler, a fork a job, requests",
        heap=500,
        doomed=100,
    ),
)
