"""`timer-service move` beside living APIs and pollers: killed again and again; what is due meanwhile is sent once."""

from __future__ import annotations

import random
import subprocess
import time
from collections import Counter
from pathlib import Path

import pytest
import requests
from click.testing import CliRunner, Result

from scheduler import Settings, Store
from tests.bench.moving import fill
from tests.bench.processes import COMMAND, Service, wait_until
from tests.bench.receiver import Receiver
from tests.bench.servers import BINARIES, Server
from timer_service.cli import main

FAR, DUE = 3000, 120


def test_a_living_service_is_moved_by_a_command_that_is_killed_and_every_timer_is_sent_once(
    tmp_path: Path, service: Service, receiver: Receiver
) -> None:
    """The pollers and the API of the old store live on all the while."""
    (tmp_path / "new").mkdir()
    new = Service(tmp_path / "new")
    command = [COMMAND, "move", "--from", service.store.url, "--to", new.store.url, "--partitions", "4"]
    dice = random.Random(14)
    try:
        service.api()
        pollers = [service.poller() for _ in range(2)]
        far = service.set(FAR, "http://receiver.example/", 3_600_000)
        due = [timer_id for n in range(DUE) for timer_id in service.set(1, receiver.url, 50 * n)]
        receiver.wait_for(5, 20)
        for _ in range(5):
            run = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            time.sleep(dice.uniform(0.2, 1.5))
            run.kill()
            run.wait()
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done
        assert f"name {new.store.url} in TIMER_REDIS_URL" in done.stdout

        refused = requests.post(f"{service.url}/timers", json={"url": receiver.url, "seconds": 0}, timeout=60)
        assert refused.status_code == 503
        assert "the store was moved to unix://" in refused.json()["detail"]
        assert int(refused.headers["retry-after"]) > 0
        assert requests.get(f"{service.url}/readyz", timeout=60).status_code == 503

        new.environ["TIMER_PARTITIONS"] = "4"
        new.api()
        new.poller()
        wait_until(lambda: {hit.timer_id for hit in receiver.hits} >= {*due}, 30, "all that was due")
        unmarked = Counter(hit.timer_id for hit in receiver.hits if not hit.headers.get("timer-redelivery"))
        assert unmarked == Counter(due)
        assert [it.process.poll() for it in pollers] == [None, None]
        timers = Store(Settings(redis_url=new.store.url, store_timeout=10)).timers
        assert {timers.get(it).status for it in far[::100]} == {"scheduled"}
        assert timers.stats().scheduled == FAR
        again = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        assert again.returncode == 0
        assert "the move had ended before" in again.stdout
    finally:
        new.remove()


@pytest.fixture
def target() -> Server:
    assert BINARIES["valkey"]
    return Server(BINARIES["valkey"])


def ask(*words: str) -> Result:
    return CliRunner().invoke(main, ["move", *words], env={"TIMER_REDIS_URL": None, "TIMER_LOG_LEVEL": None})


def test_a_dry_run_tells_in_words_what_would_be_moved(own_server: Server, target: Server, tmp_path: Path) -> None:
    fill(own_server, 20)
    target.start()
    try:
        (tmp_path / "url").write_text(f"{target.url}\n")
        done = ask("--from", own_server.url, "--to", f"@{tmp_path}/url", "--partitions", "8", "--dry-run")
        assert done.exit_code == 0, done.output
        for line in ("partitions=8", " 20 timers", " 1 schedules", "bytes to be moved: about ", "this was a dry run"):
            assert line in done.output
        assert target.client().dbsize() == 0
        done = ask("--from", own_server.url, "--to", target.url, "--partitions", "8")
        assert done.exit_code == 0, done.output
        assert "copying timers: 20 of 20 (100%)" in done.output
        assert "moved 20 timers in " in done.output
        done = ask("--from", own_server.url, "--to", target.url, "--give-up")
        assert done.exit_code == 1
        assert "the move is decided" in done.output
    finally:
        target.remove()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--to", "redis://h1,h2"), "--to is refused: it must be a URL with one host"),
        (("--from", "http://h", "--to", "redis://h"), "--from is refused: it must be a redis://"),
        (("--to", "@/nowhere"), "--to: /nowhere cannot be read"),
        (("--to", "redis://h", "--partitions", "3"), "--partitions is refused: it must be 1, 2, 4"),
        (("--to", "redis://h", "--dry-run", "--give-up"), "--dry-run and --give-up: one or the other"),
        ((), "Missing option '--to'"),
    ],
)
def test_an_option_that_cannot_be_used_is_named(words: tuple[str, ...], said: str) -> None:
    done = ask(*words)
    assert done.exit_code in (1, 2)
    assert said in done.output
