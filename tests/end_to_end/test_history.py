"""Ended timers in SQL, by `up --history` and by `timer-service history` alone."""

from __future__ import annotations

import os
import random
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests
from sqlalchemy import Engine, create_engine, func, select
from sqlalchemy.exc import OperationalError, ProgrammingError

from scheduler import Draft, Settings, Store, Webhook
from tests.bench import time_slices
from tests.bench.processes import Part, Service, Up, free_port, wait_until
from tests.bench.receiver import Receiver
from tests.once import databases
from timer_service.history.schema import ATTEMPTS, TIMERS

StartUp = Callable[..., Up]
_SOON = 20.0


@pytest.fixture(scope="module")
def postgres() -> Iterator[databases.Server]:
    it = databases.postgres()
    yield it
    it.remove()


@pytest.fixture
def engine(postgres: databases.Server) -> Iterator[Engine]:
    it = create_engine(postgres.database.url)
    yield it
    it.dispose()


def rows(engine: Engine) -> dict[str, tuple[str, int, int]]:
    """By id the reason, the number of attempts, and how many of them stand beside it."""
    beside = select(func.count()).select_from(ATTEMPTS).where(ATTEMPTS.c.id == TIMERS.c.id).scalar_subquery()
    try:
        with engine.connect() as connection:
            found = connection.execute(select(TIMERS.c.id, TIMERS.c.reason, TIMERS.c.attempts, beside)).all()
    except (OperationalError, ProgrammingError):  # its tables are not made yet
        return {}
    assert len({row[0] for row in found}) == len(found)
    return {row[0]: (row[1], row[2], row[3]) for row in found}


def count(engine: Engine) -> int:
    try:
        with engine.connect() as connection:
            return connection.scalar(select(func.count()).select_from(TIMERS)) or 0
    except (OperationalError, ProgrammingError):
        return 0


def history(service: Service, url: str, **environ: str) -> Part:
    return service.start("history", TIMER_HISTORY_URL=url, **environ)


def test_with_a_history_what_the_store_forgets_at_once_stays_in_a_file_beside_it(
    up: StartUp, receiver: Receiver
) -> None:
    port = free_port()
    it = up("--history", TIMER_KEEP_FINISHED="0", TIMER_METRICS_PORT=str(port), TIMER_INBOX="0")
    url = it.url()
    assert "history  an SQLite file" in it.output()
    asked = {"timers": [{"seconds": 0, "url": receiver.url}] * 20}
    results = requests.post(f"{url}/timers/batch", json=asked, timeout=60).json()["results"]
    ids = {result["timer"]["id"] for result in results}
    file = it.data_dir / "history.sqlite"
    wait_until(file.exists, _SOON, "a file")
    engine = create_engine(f"sqlite:///{file}")
    wait_until(lambda: rows(engine).keys() >= ids, _SOON, "rows of all timers")
    assert set(rows(engine).values()) == {("delivered", 1, 1)}
    engine.dispose()
    assert file.stat().st_mode & 0o077 == 0
    wait_until(
        lambda: requests.get(f"{url}/stats", timeout=60).json()["delivered"] == 0, _SOON, "a store that has forgotten"
    )
    told = requests.get(f"http://127.0.0.1:{port + 1}/metrics", timeout=60).text
    assert "timer_history_written_total 20.0" in told
    assert "timer_history_database_up 1.0" in told
    assert "timer_history_given_up_total 0.0" in requests.get(f"{url}/metrics", timeout=60).text
    assert it.stop() == 0


def test_a_history_that_is_killed_at_any_point_again_and_again_has_each_timer_in_one_row(
    service: Service, postgres: databases.Server, engine: Engine
) -> None:
    """Red where it marks as read before it writes."""
    dice = random.Random(16)
    store = Store(Settings(redis_url=service.store.url, store_timeout=5, keep_cancelled=60))
    store.unread.begin()
    ids: set[str] = set()
    for _ in range(3):
        webhook = Webhook(url="http://a/")
        drafts = [Draft(id=store.timers.new_id(), webhook=webhook, delay_ms=60_000) for _ in range(4000)]
        store.timers.set(*drafts)
        store.timers.cancel_each([it.id for it in drafts])
        ids |= {it.id for it in drafts}
        before = count(engine)
        process = history(service, postgres.database.url)
        wait_until(lambda before=before: count(engine) > before, _SOON, "rows")  # type: ignore[misc]
        time.sleep(dice.uniform(0, 0.2))
        process.kill()
    last = history(service, postgres.database.url)
    wait_until(lambda: store.unread.backlog().unread == 0 and last.obeys_sigterm(), _SOON, "the last")
    assert last.stop() == 0
    assert rows(engine).keys() >= ids
    assert {it for timer_id, it in rows(engine).items() if timer_id in ids} == {("cancelled", 0, 0)}
    store.close()


def test_while_the_database_is_away_timers_are_set_and_sent_and_then_it_catches_up(
    service: Service, receiver: Receiver, postgres: databases.Server, engine: Engine, tmp_path: Path
) -> None:
    service.poller(TIMER_KEEP_FINISHED="0")
    beat = tmp_path / "beat"
    process = history(service, postgres.database.url, TIMER_HEARTBEAT_FILE=str(beat))
    store = Store(Settings(redis_url=service.store.url, store_timeout=5))
    wait_until(lambda: store.unread.backlog().is_noted, _SOON, "a history that has begun")
    ids = service.set(50, receiver.url, 0)
    wait_until(lambda: rows(engine).keys() >= set(ids), _SOON, "rows while all is well")
    postgres.stop()
    try:
        ids += service.set(100, receiver.url, 0)
        receiver.wait_for(150, 30)
        wait_until(lambda: "the history waits" in process.output(), _SOON, "a word about it")
        wait_until(lambda: store.unread.backlog().unread == 100, _SOON, "what waits")
        assert store.unread.backlog().given_up == 0
        seen = beat.stat().st_mtime
        wait_until(lambda: beat.stat().st_mtime > seen, _SOON, "a sign of life")
    finally:
        postgres.start()
    wait_until(lambda: rows(engine).keys() >= set(ids), 2 * _SOON, "all rows")
    assert {rows(engine)[timer_id] for timer_id in ids} == {("delivered", 1, 1)}
    wait_until(lambda: service.timers.stats().delivered == 0, _SOON, "a store that has forgotten")
    assert process.stop() == 0
    store.close()


def test_a_history_lets_pollers_on_the_same_cores_go_first(service: Service, tmp_path: Path) -> None:
    running = history(service, f"sqlite:///{tmp_path / 'history.sqlite'}")

    expected = min(19, os.getpriority(os.PRIO_PROCESS, 0) + 10)
    pid = running.process.pid
    wait_until(lambda: os.getpriority(os.PRIO_PROCESS, pid) == expected, _SOON, "a lower priority")
    if time_slices.can_be_asked_for():
        wait_until(lambda: time_slices.of(pid) == 100_000_000, _SOON, "a time slice that whoever wakes may end")


#: The command, which says when it gives its core to who stands in line for it.
_TELLING = """
import os, sys
from timer_service.start import main
os.sched_yield = lambda: print("gave way", flush=True)
sys.exit(main())
"""


def test_a_history_gives_its_core_to_who_stands_in_line_for_it_while_it_writes(
    service: Service, tmp_path: Path
) -> None:
    url = f"sqlite:///{tmp_path / 'history.sqlite'}"
    running = service.start("history", command=(sys.executable, "-c", _TELLING), TIMER_HISTORY_URL=url)
    store = Store(Settings(redis_url=service.store.url, store_timeout=5))
    wait_until(lambda: store.unread.backlog().is_noted, _SOON, "a history that has begun")
    assert "gave way" not in running.output()
    (timer_id,) = service.set(1, "http://a/", 60_000)
    service.timers.cancel(timer_id)
    wait_until(lambda: store.unread.backlog().unread == 0, _SOON, "what was written")
    assert "gave way" in running.output()
    store.close()


def test_a_history_that_is_switched_off_ends_and_one_that_runs_once_writes_what_there_is(
    service: Service, tmp_path: Path
) -> None:
    url = f"sqlite:///{tmp_path / 'history.sqlite'}"
    running = history(service, url)
    store = Store(Settings(redis_url=service.store.url, store_timeout=5))
    wait_until(lambda: store.unread.backlog().is_noted, _SOON, "a history that has begun")
    assert service.start("history", "--off").process.wait(60) == 0
    assert running.process.wait(60) == 0
    assert "switched off" in running.output()
    store.unread.begin()
    (timer_id,) = service.set(1, "http://a/", 60_000)
    service.timers.cancel(timer_id)
    once = service.start("history", "--once", TIMER_HISTORY_URL=url)
    assert once.process.wait(60) == 0
    assert "1 ended timers written" in once.output()
    assert service.start("history", "--once").process.wait(60) == 1
    store.close()
