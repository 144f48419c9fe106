"""A service whose clock is turned: what falls due on the way is sent in order, at once, by the usual processes."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from click.testing import CliRunner

from scheduler import Advance, Link, Settings, Store, connect
from tests.bench.processes import Part, Service, wait_until
from tests.bench.receiver import SECRET, Hit, Receiver, receiving
from timer_service.cli import main
from timer_service.client import TimerClient, verify

DAY = timedelta(days=1)
#: How late a timer may be, ms: far more than a busy machine takes, far less than the clock is turned.
PUNCTUAL = 60_000


class Turned:
    """An API and pollers over a store of four partitions with a virtual clock, and a receiver."""

    def __init__(self, folder: Path, receiver: Receiver) -> None:
        self.receiver = receiver
        self.service = Service(folder, TIMER_CLOCK="virtual", TIMER_LEASE="3", TIMER_KEEP_DELIVERED="400d")
        assert Link(connect(self.service.store.url, 5), 4, clock="virtual").partitions == 4
        self.service.api(TIMER_API_WORKERS="2")
        self.poller = self.service.poller()
        self.client = TimerClient(self.service.url)

    def set(self, path: str, delay: timedelta, **more: Any) -> str:
        return self.client.create(f"{self.receiver.url}{path}", delay=delay, **more).id

    def hits(self, timer_id: str) -> list[Hit]:
        return [hit for hit in list(self.receiver.hits) if hit.timer_id == timer_id]

    def close(self) -> None:
        self.client.close()
        self.service.remove()


@pytest.fixture(scope="module")
def turned(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Turned]:
    with receiving() as receiver:
        it = Turned(tmp_path_factory.mktemp("turned"), receiver)
        yield it
        it.close()
        _believe(receiver)


def _believe(receiver: Receiver) -> None:
    """Webhooks are signed at the time of the service, by which its receivers have to verify them."""
    for hit in receiver.unverified:
        verify(hit.headers, hit.body, SECRET, now=float(hit.headers["webhook-timestamp"]))
    receiver.unverified.clear()


def _due(hit: Hit) -> datetime:
    return datetime.fromisoformat(hit.headers["timer-due-at"])


def test_timers_of_thirty_days_are_sent_in_order_each_at_its_own_moment(turned: Turned) -> None:
    """Red with a clock that jumps to the end at once: they would be days late, and in any order."""
    before = len(turned.receiver.hits)
    begun = turned.client.clock()
    ids = [turned.set("/month", n % 30 * DAY + timedelta(hours=1 + n)) for n in range(0, 90, 7)]
    ids += [turned.set("/month", 40 * DAY)]
    found = turned.client.advance_clock(by=32 * DAY)
    assert (found.attempts, found.stopped_by) == (len(ids) - 1, None)
    assert found.now >= begun + 32 * DAY
    hits = turned.receiver.hits[before:]
    assert sorted(hit.timer_id for hit in hits) == sorted(ids[:-1])
    assert [_due(hit) for hit in hits] == sorted(_due(hit) for hit in hits)
    assert all(0 <= int(hit.headers["timer-lateness-ms"]) < PUNCTUAL for hit in hits)
    assert all(0 <= int(hit.headers["webhook-timestamp"]) - int(_due(hit).timestamp()) < 60 for hit in hits)
    assert turned.client.get(ids[-1]).status == "scheduled"
    turned.client.cancel(ids[-1])


def test_retries_over_hours_and_what_the_receiver_asks_for_again_take_their_turns(turned: Turned) -> None:
    before = len(turned.receiver.hits)
    failing = turned.set("/status/500", DAY, max_attempts=4, backoff=[3600, 7200, 14400])
    again = turned.set("/again/2h", DAY + timedelta(minutes=1), max_occurrences=5)
    found = turned.client.advance_clock(by=3 * DAY)
    assert (found.attempts, found.stopped_by) == (9, None)
    ended = turned.client.get(failing)
    assert (ended.status, ended.reason, ended.attempts) == ("failed", "attempts-exhausted", 4)
    assert [hit.headers.get("timer-occurrence", "1") for hit in turned.hits(again)] == ["1", "2", "3", "4", "5"]
    hits = turned.receiver.hits[before:]
    sent_at = [int(hit.headers["webhook-timestamp"]) for hit in hits]
    assert sent_at == sorted(sent_at)
    assert all(int(hit.headers["timer-lateness-ms"]) < PUNCTUAL for hit in hits)
    first, last = turned.hits(again)[0], turned.hits(again)[-1]
    assert timedelta(hours=8) <= _due(last) - _due(first) < timedelta(hours=9)


def test_a_clock_that_is_turned_past_an_expiry_sends_what_is_in_time_and_no_retry_after_it(turned: Turned) -> None:
    in_time = turned.set("/hook", DAY, max_lateness=1)
    failing = turned.set("/status/500", DAY, max_lateness="2h", backoff=[3600], max_attempts=100)
    assert turned.client.advance_clock(by=3 * DAY).stopped_by is None
    assert turned.client.get(in_time).status == "delivered"
    ended = turned.client.get(failing)
    assert (ended.status, ended.reason, ended.max_lateness) == ("failed", "expired", DAY / 12)
    sent_at = [int(hit.headers["webhook-timestamp"]) for hit in turned.hits(failing)]
    assert len(sent_at) == ended.attempts >= 2  # a retry waits for an hour at most
    assert max(sent_at) <= (ended.due_at + DAY / 12).timestamp()
    assert ended.last_attempt is not None
    assert ended.last_attempt.final


def test_what_was_cancelled_stays_silent_however_far_the_clock_is_turned(turned: Turned) -> None:
    cancelled, sent = turned.set("/hook", DAY), turned.set("/hook", DAY)
    turned.client.cancel(cancelled)
    assert turned.client.advance_clock(by=30 * DAY).attempts == 1
    assert (len(turned.hits(cancelled)), len(turned.hits(sent))) == (0, 1)


def test_of_two_calls_that_turn_the_clock_at_once_one_does_and_the_other_is_told(turned: Turned) -> None:
    turned.set("/held", DAY)
    turned.receiver.release.clear()
    with ThreadPoolExecutor() as pool:
        first = pool.submit(turned.client.advance_clock, by=2 * DAY)
        wait_until(lambda: any(hit.path == "/held" for hit in list(turned.receiver.hits)), 20, "an attempt under way")
        now = turned.client.clock()
        for _ in range(5):  # whichever worker serves it
            answer = requests.post(f"{turned.service.url}/clock/advance", json={"by": "1s"}, timeout=20)
            assert (answer.status_code, answer.headers["Retry-After"]) == (409, "1"), answer.text
        assert turned.client.clock() - now < DAY  # it waits for the attempt
        turned.receiver.release.set()
        assert first.result(30).stopped_by is None


def test_the_command_line_tells_and_turns_the_clock_and_the_page_says_that_it_is_virtual(turned: Turned) -> None:
    timer = turned.set("/hook", DAY)
    code, said = _command(turned, "advance", "1d")
    assert (code, said.endswith(", 1 sent on the way\n")) == (0, True), said
    assert turned.client.get(timer).status == "delivered"
    before = turned.client.clock()
    code, said = _command(turned, "advance", "--to", (before + DAY).isoformat(), "-o", "json")
    assert (code, json.loads(said)["attempts"], json.loads(said)["stopped_by"]) == (0, 0, None)
    code, said = _command(turned, "show", "-o", "json")
    assert code == 0
    assert datetime.fromisoformat(json.loads(said)["now"]) >= before + DAY
    for wrong in (["advance"], ["advance", "1d", "--to", "2100-01-01T00:00:00Z"], ["advance", "--to", "1d"]):
        assert _command(turned, *wrong)[0] == 2, wrong
    assert _command(turned, "advance", "--to", before.isoformat())[0] == 2
    assert "virtual clock</span>" in requests.get(f"{turned.service.url}/ui", timeout=20).text


def _command(turned: Turned, *words: str) -> tuple[int, str]:
    done = CliRunner().invoke(main, ["clock", *words], env={"TIMER_URL": turned.service.url})
    return done.exit_code, done.stdout


@pytest.mark.parametrize(
    ("asked", "at"),
    [
        ({}, "/by"),
        ({"by": "1d", "to": "2100-01-01T00:00:00Z"}, "/to"),
        ({"by": 0}, "/by"),
        ({"by": -1}, "/by"),
        ({"by": "0s"}, "/by"),
        ({"by": "soon"}, "/by"),
        ({"by": None}, "/by"),
        ({"by": True}, "/by"),
        ({"by": "90000d"}, "/by"),
        ({"to": "2020-01-01T00:00:00Z"}, "/to"),
        ({"to": "2200-01-01T00:00:00.001Z"}, "/to"),
        ({"to": "9999-12-31T23:59:59Z"}, "/to"),
        ({"to": "2100-01-01"}, "/to"),
        ({"by": "1d", "until": 1}, "/until"),
    ],
)
def test_what_is_no_way_forward_is_refused_with_its_name_and_turns_nothing(
    turned: Turned, asked: dict[str, Any], at: str
) -> None:
    before = turned.client.clock()
    answer = requests.post(f"{turned.service.url}/clock/advance", json=asked, timeout=20)
    assert (answer.status_code, [it["pointer"] for it in answer.json()["errors"]]) == (422, [at]), answer.text
    assert turned.client.clock() - before < DAY


def test_a_call_that_has_more_to_do_than_time_stops_between_two_moments_and_the_next_goes_on(
    turned: Turned, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scheduler.store.turning._TIME", 0.1)
    clock = Store(Settings(clock="virtual", redis_url=turned.service.store.url)).clock
    assert clock is not None
    before = len(turned.receiver.hits)
    begun = turned.client.clock()
    asked: Any = [{"url": turned.receiver.url, "due_at": begun + (n + 1) * timedelta(minutes=1)} for n in range(200)]
    turned.client.create_many(asked)
    to = clock.now() + 300 * 60_000
    calls: list[Advance] = []
    while not calls or calls[-1].stopped_by:
        calls.append(clock.advance_to(to))
        if calls[-1].stopped_by == "time":
            sent, minutes = len(turned.receiver.hits) - before, (calls[-1].now - begun.timestamp() * 1000) / 60_000
            assert sent == int(minutes)  # all until then, and none after
    assert len(calls) > 1
    assert sum(it.attempts for it in calls) == 200
    assert [_due(hit) for hit in turned.receiver.hits[before:]] == [it["due_at"] for it in asked]


def test_after_a_kill_of_the_poller_on_the_way_the_clock_waits_for_another_which_goes_on(turned: Turned) -> None:
    """Red with a clock that is turned while an attempt is under way."""
    ids = [turned.set("/hook", DAY), turned.set("/held", 2 * DAY), turned.set("/hook", 3 * DAY)]
    before = len(turned.receiver.hits)
    turned.receiver.release.clear()
    with ThreadPoolExecutor() as pool:
        under_way = pool.submit(turned.client.advance_clock, by=30 * DAY)
        wait_until(lambda: turned.hits(ids[1]), 20, "the second timer is being sent")
        turned.poller.kill()
        turned.receiver.release.set()
        turned.poller = turned.service.poller()
        found = under_way.result(60)
    if found.stopped_by:
        found = turned.client.advance_clock(to=found.to)
    assert found.stopped_by is None
    assert [hit.timer_id for hit in turned.receiver.hits[before:]] == [ids[0], ids[1], ids[1], ids[2]]
    assert turned.hits(ids[1])[-1].headers["timer-redelivery"] == "lease-expired"
    assert {turned.client.get(timer_id).status for timer_id in ids} == {"delivered"}


def test_without_a_poller_the_clock_stops_at_what_is_due_and_goes_on_once_there_is_one(turned: Turned) -> None:
    turned.poller.stop()
    ids = [turned.set("/hook", DAY), turned.set("/hook", 2 * DAY)]
    begun = turned.client.clock()
    found = turned.client.advance_clock(by=30 * DAY)
    assert (found.due, found.delivering, found.attempts, found.stopped_by) == (1, 0, 0, "due")
    assert begun + DAY <= found.now < begun + DAY + timedelta(minutes=5)
    turned.poller = turned.service.poller()
    rest = turned.client.advance_clock(to=found.to)
    assert (rest.attempts + len(turned.hits(ids[0])), rest.stopped_by, rest.to) >= (2, None, found.to)
    assert [len(turned.hits(timer_id)) for timer_id in ids] == [1, 1]


def test_up_with_a_virtual_clock_begins_empty_sends_a_year_of_daily_timers_and_leaves_nothing(
    tmp_path: Path, receiver: Receiver, capsys: pytest.CaptureFixture[str]
) -> None:
    part = Part(
        "up", "--clock", "virtual", "--port", "0", "--no-inbox", log=tmp_path / "log", TIMER_LOG_LEVEL="warning"
    )
    try:
        said = wait_until(lambda: re.search(r"api +(http://\S+)\n(?s:.*)Ctrl-C", part.output()), 30, "a banner")
        assert "virtual: POST /clock/advance turns it" in part.output()
        folder = re.search(r"append-only file in (\S+)", part.output())
        assert folder
        assert Path(folder[1]).is_dir()
        with TimerClient(said[1]) as client:
            begun = client.clock()
            asked = [{"url": receiver.url, "due_at": begun + (n + 1) * DAY} for n in range(365)]
            client.create_many(asked)  # type: ignore[arg-type]
            started = time.monotonic()
            found = client.advance_clock(to=begun + 366 * DAY)
            took = time.monotonic() - started
            while found.stopped_by == "time":
                found = client.advance_clock(to=found.to)
            assert found.stopped_by is None
        with capsys.disabled():
            print(f" [365 days in {took:.2f} s]", end="")
        assert [_due(hit) for hit in receiver.hits] == [timer["due_at"] for timer in asked]
    finally:
        assert part.stop() == 0
        _believe(receiver)
    assert not Path(folder[1]).exists()
