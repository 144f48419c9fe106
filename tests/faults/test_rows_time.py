"""Clocks that are wrong (rows 46 to 49 of ROWS.md), made so by libfaketime (Debian's package faketime)."""

from __future__ import annotations

import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from scheduler import CatchUp, Overlap, Plan, ScheduleDraft, Schedules, Settings, Skipped, Store, Webhook
from scheduler import rfc3339 as moment
from tests.bench import needed
from tests.bench.processes import Service, wait_until
from tests.bench.receiver import Receiver
from tests.bench.servers import BINARIES, Server

#: Seconds within which what is right has happened, however slow the machine: less than any clock here is wrong by.
LATE = 60
#: libfaketime leaves the monotonic clock alone, as a wrong date does.
DAY_OFF = {"FAKETIME_DONT_FAKE_MONOTONIC": "1", "DONT_FAKE_MONOTONIC": "1", "NO_FAKE_STAT": "1"}


pytestmark = pytest.mark.elsewhere


@pytest.fixture(scope="module", autouse=True)
def _installed() -> None:
    needed.program("faketime", "faketime")


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    it = Service(tmp_path)
    yield it
    it.remove()


#: gunicorn sleeps in a way that libfaketime 0.9.10 turns into an error.
_DAY_LATER = """
import datetime, time
time.time = lambda real=time.time: real() + 86400
time.time_ns = lambda real=time.time_ns: real() + 86400 * 10**9
class Late(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return super().now(tz) + datetime.timedelta(days=1)
datetime.datetime = Late
from timer_service.cli import main
main()
"""


def off_by(text: str) -> dict[str, str]:
    """The environment of a process whose clock is off by so much.

    Without the command `faketime`: that ends with "sem_open: File exists" where a process of the same id was killed
    under it before, which one start in 300 met after a day of tests on one machine.
    """
    return {"LD_PRELOAD": _library(), "FAKETIME": text, **DAY_OFF}


def obeying(clock: Path) -> dict[str, str]:
    """The environment of a process whose clock is off by what a file says."""
    clock.write_text("+0")
    return {"LD_PRELOAD": _library(), "FAKETIME_TIMESTAMP_FILE": str(clock), "FAKETIME_NO_CACHE": "1", **DAY_OFF}


def _library() -> str:
    return str(next(Path("/usr/lib").rglob("libfaketime.so.1")))


@pytest.mark.parametrize("by", ["+1d", "-1d", "+90s"])
def test_row_46_a_pollers_clock_that_is_off_changes_neither_when_nor_whether_a_signature_verifies(
    service: Service, receiver: Receiver, by: str
) -> None:
    """Red with time.time() in StoreClock.now_us. The receiver verifies as the reference does, within 5 minutes."""
    service.poller(**off_by(by))
    _is_off(by)
    begun = time.time()
    ids = service.set(20, receiver.url, 1500)
    hits = receiver.wait_for(20, 20)
    assert {hit.timer_id for hit in hits} == set(ids)
    assert min(hit.at for hit in hits) - begun >= 1.5
    assert max(hit.at for hit in hits) - begun < LATE
    assert all(abs(int(hit.headers["webhook-timestamp"]) - hit.at) < LATE for hit in hits)
    assert receiver.unverified == []
    service.finished(20, 10)
    (attempt,) = service.timers.attempts(ids[0])
    assert abs((attempt.started_at or 0) / 1000 - hits[0].at) < LATE


def _is_off(by: str) -> None:
    """That the fault is there at all."""
    faked = subprocess.run(["date", "+%s"], env=off_by(by), capture_output=True, check=True, text=True)
    seconds = {"d": 86_400, "s": 1}[by[-1]] * int(by[:-1])
    assert abs(int(faked.stdout) - time.time() - seconds) < LATE


def test_row_47_an_apis_clock_that_is_off_changes_neither_a_delay_nor_a_moment(
    service: Service, receiver: Receiver
) -> None:
    """Red with a delay made a moment in the API: `delay_ms` of a Draft turned into a due_at by time.time()."""
    service.api(command=(sys.executable, "-c", _DAY_LATER))
    service.poller()
    begun = time.time()
    by_delay = service.post(delay=1.5, url=receiver.url)
    by_moment = service.post(due_at=moment.rfc3339(round(1000 * (begun + 2))), url=receiver.url)
    assert {by_delay["time_left"], by_moment["time_left"]} <= {0, 1, 2}
    arrived = {hit.timer_id: hit.at - begun for hit in receiver.wait_for(2, 20)}
    assert 1.5 <= arrived[by_delay["id"]] < LATE
    assert 2 <= arrived[by_moment["id"]] < LATE


def test_row_48_a_stores_clock_that_jumps_forward_fires_early_by_the_jump_and_back_waits_and_nothing_twice(
    receiver: Receiver, tmp_path: Path
) -> None:
    """Documented, not a defect: the store's clock is the one clock there is."""
    assert BINARIES["valkey"] is not None
    clock = tmp_path / "clock"
    service = Service(tmp_path, Server(BINARIES["valkey"], environ=obeying(clock)).start())
    try:
        _jumps(service, receiver, clock)
    finally:
        service.remove()
    receiver.unverified.clear()  # stamped with the store's time, an hour from the receiver's


def _jumps(service: Service, receiver: Receiver, clock: Path) -> None:
    for _ in range(2):
        service.poller(TIMER_LEASE="3")
    held = service.set(10, f"{receiver.url}/sleep/2", 0)
    receiver.wait_for(10, 20)
    assert service.timers.get(held[0]).created_at // 1000 - time.time() < LATE
    hour = service.set(10, receiver.url, 3_600_000)
    beyond = service.set(10, receiver.url, 2 * 3_600_000 + 60_000)
    assert service.timers.stats().overdue == 0
    clock.write_text("+3601")
    receiver.wait_for(20, 20)
    assert {hit.timer_id for hit in receiver.hits} == {*held, *hour}
    service.finished(20, 20)
    clock.write_text("-3600")
    waiting = service.set(10, receiver.url, 1000)
    receiver.wait_for(30, 20)
    assert receiver.counts() == dict.fromkeys([*held, *hour, *waiting], 1)
    assert service.timers.stats().scheduled == len(beyond)


def test_row_48_of_a_schedule_no_moment_runs_twice_however_the_stores_clock_jumps_and_each_is_made_up_for(
    receiver: Receiver, tmp_path: Path
) -> None:
    assert BINARIES["valkey"] is not None
    clock = tmp_path / "clock"
    service = Service(tmp_path, Server(BINARIES["valkey"], environ=obeying(clock)).start())
    store = Store(Settings(redis_url=service.store.url, store_timeout=5))
    try:
        service.poller()
        _jumps_of_a_schedule(store.schedules, service, receiver, clock)
    finally:
        store.close()
        service.remove()
    receiver.unverified.clear()  # stamped with the store's time, an hour from the receiver's


def _jumps_of_a_schedule(schedules: Schedules, service: Service, receiver: Receiver, clock: Path) -> None:
    hook, plan = Webhook(url=receiver.url), Plan(every_ms=600_000)
    starts_at = {}
    for name, overlap, catch_up in (
        ("each", Overlap.ALLOW, CatchUp.ALL),
        ("last", Overlap.SKIP, CatchUp.LAST),
    ):
        draft = ScheduleDraft(name=name, plan=plan, webhook=hook, overlap=overlap, catch_up=catch_up)
        starts_at[name] = schedules.put(draft)[0].draft.plan.starts_at
    clock.write_text("+3601")
    receiver.wait_for(6 + 1, 20)
    clock.write_text("-3600")
    for name in starts_at:
        schedules.put(replace(schedules.get(name).draft, tags=("changed",)))
    (after,) = service.set(1, receiver.url, 2000)  # sent while pollers look at schedules each second
    receiver.wait_for(6 + 1 + 1, 20)
    clock.write_text("+4801")
    receiver.wait_for(8 + 2 + 1, 20)
    service.finished(8 + 2 + 1, 20)
    made = Counter(
        (hit.headers["timer-schedule"], moment.parse(hit.headers["timer-due-at"]))
        for hit in receiver.hits
        if hit.timer_id != after
    )
    expected = {"each": range(1, 9), "last": (6, 8)}
    assert made == {(name, starts_at[name] + 600_000 * n): 1 for name, ns in expected.items() for n in ns}
    assert schedules.get("last").skipped == Skipped(missed=6)


def test_row_49_a_wall_clock_that_jumps_during_an_attempt_moves_no_deadline(
    service: Service, receiver: Receiver, tmp_path: Path
) -> None:
    """Red with the deadlines of UnderWay taken from time.time()."""
    clock = tmp_path / "clock"
    faked = obeying(clock)
    service.poller(**faked)
    (timer_id,) = service.set(1, f"{receiver.url}/held", 0, timeout=3, max_attempts=1)
    (hit,) = receiver.wait_for(1, 20)
    clock.write_text("+3600")
    time.sleep(1)  # the fault itself
    assert service.timers.stats().failed == 0
    clock.write_text("-3600")
    wait_until(lambda: service.timers.stats().failed == 1, 20, "a timeout")
    assert time.time() - hit.at < LATE
    (attempt,) = service.timers.attempts(timer_id)
    assert attempt.error == "timeout"
    assert 2900 <= (attempt.duration_ms or 0) < 1000 * LATE
    assert len(receiver.hits) == 1
