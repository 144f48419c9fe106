"""What the page reads once a second where many destinations are held, with due timers behind each."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from flask.testing import FlaskClient

from scheduler.hold import HeldBy, Hold
from scheduler.store.record import destination_tag
from scheduler.store.rule_record import hold_args
from tests.api.test_page_destinations import break_it, read, wait_there
from tests.bench.store import Bench
from timer_service.web.pages.figures.snapshot import Figures, read_figures


def hold(bench: Bench, first: int, count: int) -> None:
    """So many destinations are paused, with a due timer behind each that a poller has moved there."""
    held = Hold(HeldBy.PAUSE, None, "paused", 1)
    there = [f"http://h{number}/" for number in range(first, first + count)]
    for at in range(0, count, 250):
        tags = [destination_tag(url) for url in there[at : at + 250]]
        bench.link.run("hold", 0, [word for tag in tags for word in hold_args(tag, held, 1)])
        bench.timers.set(*(bench.draft(0, url=url) for url in there[at : at + 250]))
    while bench.client.zcount("timers:{0}:scheduled", "-inf", bench.now):
        bench.claims.claim(9)


def read_counted(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> tuple[Figures, Counter[str]]:
    """And how often each script was run for that."""
    runs: Counter[str] = Counter()
    run = bench.link.run_on

    def counted(name: str, key: str, args: Any = ()) -> Any:
        runs[name] += 1
        return run(name, key, args)

    with monkeypatch.context() as patched:
        patched.setattr(bench.link, "run_on", counted)
        return read_figures(bench.store()), runs


def test_timers_are_not_looked_for_behind_each_destination_that_is_held(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    lists = []
    break_it(bench, "10 attempts in a row failed, the last one: timeout")
    for first, count in ((0, 60), (60, 600)):
        hold(bench, first, count)
        wait_there(bench)
        bench.schedule(60_000, url="http://healthy/")
        bench.advance(2000)
        found, runs = read_counted(bench, monkeypatch)
        lists.append(runs["list"])
        assert [it.webhook.url for it in found.next[:1]] == ["http://healthy/"]
        assert found.held.waiting == {HeldBy.PAUSE: first + count, HeldBy.BREAKER: len(lists)}
        assert (found.late, found.oldest_late_ms >= 2000) == (len(lists), True)
    assert lists[0] == lists[1]


def test_what_waits_behind_a_pause_is_not_late_though_not_every_destination_was_asked(
    bench: Bench, http: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scheduler.store.destination_lists._MOST_ASKED", 2)
    hold(bench, 0, 5)
    bench.advance(5000)
    bench.poller("vm-1").claim(0)
    said = read(http, "/ui")
    assert "Late nownone" in said
    assert "Held by a pauseat least 2" in said
    assert "Due within the last secondnone" not in said
