"""The view Now over a real store: what it says is true, and leads to what it counts."""

from __future__ import annotations

import re
import threading
import time
from typing import Any
from urllib.parse import urlsplit

import pytest

from scheduler import Attempt, Outcome, Query, Settings, Settlement, Status
from tests.api.test_page_access import guarded, signed_in
from tests.bench.store import START, Bench
from tests.bench.visitor import Visitor, text
from tests.conftest import start
from timer_service import create_app
from timer_service.web.pages.figures.snapshot import expire

_REFUSED = "The receiver refused the connection: nothing listens on this port."


@pytest.fixture
def visitor(bench: Bench) -> Visitor:
    return Visitor(create_app(Settings(), bench.link).test_client())


def now(visitor: Visitor, path: str = "/ui") -> str:
    """What a person reads, of a reading made now."""
    with visitor.http.application.app_context():
        expire()
    answer = visitor.get(path)
    assert answer.status_code == 200, text(answer)
    return re.sub(r" ([;:.])", r"\1", text(answer))


def attempt_fails(bench: Bench, count: int = 1, retry_ms: int | None = 5000, **attempt: Any) -> None:
    said = {"outcome": Outcome.RETRYABLE, "error": "connect", "detail": _REFUSED, "started_at": bench.now, **attempt}
    claims = bench.claims.claim(count).claims
    assert len(claims) == count
    ended = [(it, Attempt(number=it.number, lateness_ms=2, **said)) for it in claims]
    bench.claims.settle(
        [Settlement(timer_id=it.id, fence=it.fence, attempt=attempt, retry_ms=retry_ms) for it, attempt in ended]
    )


def seen(bench: Bench) -> None:
    """A poller claims, and finds nothing."""
    bench.poller("vm-1").claim(0)


def test_an_empty_service_says_what_it_does_not_have(bench: Bench, visitor: Visitor) -> None:
    seen(bench)
    page = now(visitor)
    assert "All on time; nothing is scheduled." in page
    assert "Nothing is due in the next hour." in page
    assert "None failed." in page
    assert "Late now none" in page
    assert "Set none" in page
    assert not re.search("[\u2013\u2014]", page)


def test_the_next_hour_shows_what_is_held_where_it_is_expected(bench: Bench, visitor: Visitor) -> None:
    seen(bench)
    assert "held" not in now(visitor)
    for host, until in (("a", START + 120_000), ("b", None)):
        for _ in range(3):
            bench.schedule(url=f"http://{host}/")
        bench.destinations.pause(f"http:{host}:80", "they move", "ann", until)
    bench.schedule(60_000)
    bench.poller("vm-1").claim(50)
    page = now(visitor)
    assert "1 timer and 3 that are held now; at most 3 a minute, at 00:02 UTC" in page
    assert "Held now, expected then" in page
    assert "3 more are due and held, nobody knows until when." in page


def test_before_any_poller_runs_it_says_that_nothing_is_sent(bench: Bench, visitor: Visitor) -> None:
    bench.schedule(60_000)
    page = now(visitor)
    assert "Nothing is sent: no poller has been seen in the last hour." in page
    assert "1 timer waits in the store, and none is lost." in page


def test_the_next_is_counted_down_to(bench: Bench, visitor: Visitor) -> None:
    bench.schedule(3200)
    seen(bench)
    assert "All on time; the next in 3.2 s." in now(visitor)


def test_a_timer_is_late_once_it_is_due_for_more_than_a_second(bench: Bench, visitor: Visitor) -> None:
    bench.schedule(0)
    bench.advance(1000)
    seen(bench)
    assert "All on time; the next is due now." in now(visitor)
    bench.advance(1)
    page = now(visitor)
    assert "1 late, the oldest 1.0 s: no cause is known." in page
    assert "<title>1 late · Now · timer-service</title>" in visitor.get("/ui").text


def test_late_and_due_within_the_last_second_are_what_stats_calls_overdue(bench: Bench, visitor: Visitor) -> None:
    for ago in (5000, 3000, 400, 300, 0):
        bench.schedule(5000 - ago)
    bench.advance(5000)
    page = now(visitor)
    overdue = visitor.http.get("/stats").json["overdue"]  # type: ignore[index]
    assert overdue == 5
    assert "Late now 2 The oldest 5.0 s Due within the last second 3" in page


def test_a_retry_that_waits_is_not_late(bench: Bench, visitor: Visitor) -> None:
    bench.schedule(0)
    attempt_fails(bench, retry_ms=60_000)
    bench.advance(5000)
    seen(bench)
    assert "All on time; the next in 55.0 s." in now(visitor)


def test_a_receiver_that_dies_is_said_in_words_after_its_second_failure(bench: Bench, visitor: Visitor) -> None:
    for _ in range(3):
        bench.schedule(0, url="https://api.example.com/orders?token=1")
    attempt_fails(bench)
    assert "All on time" in now(visitor)
    attempt_fails(bench)
    page = now(visitor)
    assert "On time, but https:api.example.com:443 refuses the connection: 2 attempts in a row failed." in page
    assert "In all, 2 timers wait to be sent again." in page
    assert "Waiting to be sent again 2" in page
    assert "refuses none none connection refused, 2 attempts in a row 2026-01-01 00:00:00" in page
    attempt_fails(bench, outcome=Outcome.DELIVERED, error=None, detail=None, status_code=204, retry_ms=None)
    page = now(visitor)
    assert "All on time" in page
    assert "Nowhere." in page


def test_how_many_ended_failed_where_attempts_fail_is_said_as_the_list_of_them_counts(
    bench: Bench, visitor: Visitor
) -> None:
    for path in ("orders", "refunds", "news"):
        bench.schedule(0, url=f"https://api.example.com/{path}")
    bench.schedule(0, url="https://other.example/")
    attempt_fails(bench, 4, retry_ms=None, final=True)
    said = "https:api.example.com:443 refuses the connection: 3 attempts in a row failed; 3 timers ended failed."
    assert said in now(visitor)
    listed = text(visitor.get("/ui/timers?status=failed&destination=https://api.example.com:443"))
    assert "3 timers match" in listed


def test_what_ended_failed_and_what_is_failed_now_are_told_apart(bench: Bench, visitor: Visitor) -> None:
    for _ in range(3):
        bench.schedule(0)
    attempt_fails(bench, 3, retry_ms=None, final=True)
    assert "Ended failed 3; 3 are failed now" in now(visitor)
    bench.timers.replay_each(bench.listing.page(Query(status=Status.FAILED, limit=1)).timers)
    page = now(visitor)
    assert "Ended failed 3; 2 are failed now" in page
    assert "2 failed In 1 group" in text(visitor.get("/ui/failed"))


def test_what_is_due_in_the_next_hour_adds_up_and_leads_to_its_list(bench: Bench, visitor: Visitor) -> None:
    for minutes in (5, 5, 15, 59):
        bench.schedule(60_000 * minutes)
    seen(bench)
    page = now(visitor)
    assert "4 timers; at most 2 a minute, at 00:05 UTC" in page
    html = visitor.get("/ui").text
    rows = re.findall(r'due_after=([^"&]*)&amp;due_before=([^"]*)">(\d+)<', html)
    assert [row[2] for row in rows] == ["2", "1", "1"]
    assert rows[0][0] == "2026-01-01T00%3A00%3A00.000Z"
    assert re.findall(r"M(\d+) (\d+)h8V100", html) == [("51", "0"), ("151", "50"), ("591", "50")]


def test_a_timer_far_away_is_shown(bench: Bench, visitor: Visitor) -> None:
    bench.schedule(253_402_300_799_999 - START)
    seen(bench)
    assert "9999-12-31 23:59:59.999" in now(visitor)


def test_lateness_of_a_minute_without_attempts_is_not_known(bench: Bench, visitor: Visitor) -> None:
    bench.schedule(0)
    attempt_fails(bench)
    page = now(visitor)
    assert "00:00 so far 1 2 ms 2 ms 2 ms 23:59 none 23:58 none" in page


def test_while_all_is_on_time_a_poller_that_was_stopped_or_replaced_is_no_warning(
    bench: Bench, visitor: Visitor
) -> None:
    for number in range(20):
        bench.poller(f"gone-{number:02}").claim(0)
        bench.advance(1000)
    bench.advance(6000)
    for name in ("vm-2", "vm-1"):
        bench.poller(name).claim(0)
    page = now(visitor)
    assert re.findall(r"(\S+) 0 of 0 \S+ \S+ ago", page) == ["vm-1", "vm-2"]
    assert "Others, seen in the last hour Pollers that were seen in the last hour Name Seen last ( UTC )" in page
    assert "gone-19 00:00:19 gone-18 00:00:18" in page
    assert "gone-08 00:00:08 And 8 more, seen before these." in page
    assert 'class="num late"' not in visitor.get("/ui").text


@pytest.mark.parametrize("is_one_left", [True, False])
def test_a_poller_that_is_gone_is_a_warning_while_timers_are_late_or_none_is_left(
    bench: Bench, visitor: Visitor, is_one_left: bool
) -> None:
    bench.poller("gone-1").claim(0)
    bench.advance(9000)
    if is_one_left:
        bench.schedule(0)
        bench.advance(1500)
        bench.poller("vm-1").claim(0)
    page = now(visitor)
    assert ("vm-1 0 of 0 0 ms ago gone-1 0 of 0 10.5 s ago" if is_one_left else "gone-1 0 of 0 9.0 s ago") in page
    assert "seen in the last hour" not in page
    assert visitor.get("/ui").text.count('class="num late"') == 1


def test_nothing_of_a_timer_is_markup(bench: Bench, visitor: Visitor) -> None:
    url = "http://h.example/%3Cb%3E?<script>alert(1)</script>\"'&amp;" + "x" * 300
    bench.schedule(0, url=url, method="POST")
    bench.schedule(60_000, url=url, method="POST")
    attempt_fails(bench, retry_ms=None, error="<img src=x>", detail="<svg onload=1>", final=True)
    bench.poller("<b>vm</b>\u202e").claim(0)
    page = now(visitor)
    assert "<script>alert(1)</script>" in page
    assert "more characters" in page
    assert "<b>vm</b>" in page
    html = visitor.get("/ui").text
    for part in ("<script>alert", "<img", "<svg onload", "<b>vm"):
        assert part not in html


@pytest.mark.parametrize("key", ["reader", "writer"])
def test_a_read_key_sees_no_value_of_a_query(bench: Bench, key: str) -> None:
    bench.schedule(60_000, url="http://h.example/?token=hunter2")
    visitor = signed_in(guarded(bench), key)
    assert ("hunter2" in visitor.get("/ui").text) is (key == "writer")
    assert "http://h.example/?token=" in visitor.get("/ui").text


def test_each_link_leads_to_a_view(bench: Bench, visitor: Visitor) -> None:
    bench.schedule(0)
    bench.schedule(60_000)
    attempt_fails(bench, retry_ms=None, final=True)
    now(visitor)
    html = visitor.get("/ui").text
    found = {urlsplit(it).path for it in re.findall(r'<a [^>]*href="([^"#]*)"', html)}
    views = ("timers", "destinations", "schedules", "failed", "try")
    known = {"/ui", *(f"/ui/{it}" for it in views), "/docs", "/ui/destinations/http:receiver:80"}
    assert {it for it in found - known if not re.fullmatch(r"/ui/timers/\w{22}", it)} == set()
    assert {visitor.get(it).status_code for it in found} == {200}


def test_all_who_look_within_a_second_make_the_store_read_once(
    bench: Bench, visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    now(visitor)
    before = bench.client.info("commandstats")["cmdstat_evalsha"]["calls"]
    threads = [threading.Thread(target=lambda: visitor.http.application.test_client().get("/ui")) for _ in range(20)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    made = bench.client.info("commandstats")["cmdstat_evalsha"]["calls"] - before
    assert made < 60  # one reading takes about 12, and a slow machine may need some


def test_a_store_that_goes_away_leaves_the_last_figures() -> None:
    server = start("valkey")
    try:
        app, bench = create_app(Settings(redis_url=server.url)), Bench(server.client())
        visitor = Visitor(app.test_client())
        bench.schedule(60_000)
        seen(bench)
        assert "All on time" in now(visitor)
        server.kill()
        page = now(visitor)
        assert re.search(r"The store does not answer since [\d: -]+ UTC; nothing is sent, nothing is lost", page)
        assert "Being sent none" in page
        server.start()
        until = time.monotonic() + 60
        while "does not answer" in now(visitor):
            assert time.monotonic() < until
            time.sleep(0.1)
        app.extensions["store"].close()
        bench.client.close()
    finally:
        server.remove()
