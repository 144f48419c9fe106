"""The view Schedules, and that of one schedule: what they say, and hostile content."""

from __future__ import annotations

import html
import re

import pytest
from flask.testing import FlaskClient

from scheduler import Outcome, Overlap, Webhook
from tests.api.conftest import settle
from tests.api.page_schedules import do, get, put
from tests.api.test_page_bytes import first_visit
from tests.bench.store import Bench
from tests.bench.visitor import Visitor, sentences
from tests.store.schedules import DAY, HOUR, MINUTE, pass_time, runs


def test_without_any_the_list_says_what_a_schedule_is(http: FlaskClient) -> None:
    said = get(http)
    assert "There are no schedules. A schedule makes timers again and again" in said.replace(".A", ". A")
    assert 'aria-current="page">Schedules' in http.get("/ui/schedules").text


def test_the_list_says_of_each_when_it_runs_how_it_stands_and_what_it_skipped(http: FlaskClient, bench: Bench) -> None:
    put(bench, "nightly", cron="0 1 * * *", time_zone="Asia/Kolkata")
    put(bench, "sync", overlap=Overlap.SKIP)
    put(bench, "once", ends_at=bench.now + 1)
    pass_time(bench, 3 * HOUR)
    bench.schedules.pause("nightly", "stock-taking", "ops-oncall", bench.now + DAY)
    said = get(http)
    assert "3 in all: 1 active, 1 paused, 1 ended." in said
    assert "at 01:00, in Asia/Kolkata0 1 * * *" in said
    assert "every hour" in said
    assert "pausedstock-taking, by ops-oncall, until 2026-01-02 03:00" in said
    assert "2026-01-01 04:00in 1 h" in said  # the next run of `sync`
    assert "2026-01-01 01:00scheduled2 overlap" in said
    assert "endednone" in said


def test_each_tab_shows_those_of_its_status_and_a_tag_limits_them(http: FlaskClient, bench: Bench) -> None:
    put(bench, "a", tags=("nightly",))
    put(bench, "b")
    put(bench, "c", ends_at=bench.now + 1)
    bench.schedules.pause("b", "", "")
    pass_time(bench, 2 * MINUTE)
    listed = {
        query: re.findall(r'data-row="(\w)"', http.get(f"/ui/schedules{query}").text)
        for query in ("", "?status=active", "?status=paused", "?status=ended", "?tag=nightly", "?tag=x")
    }
    assert listed == {
        "": ["a", "b", "c"],
        "?status=active": ["a"],
        "?status=paused": ["b"],
        "?status=ended": ["c"],
        "?tag=nightly": ["a"],
        "?tag=x": [],
    }
    assert "None match." in get(http, "/ui/schedules?tag=x")


def test_a_long_list_goes_on_page_by_page(http: FlaskClient, bench: Bench) -> None:
    for number in range(45):
        put(bench, f"s-{number:02}")
    path, seen = "/ui/schedules", []
    while path:
        page = http.get(path).text
        seen += re.findall(r"<bdi>(s-\d\d)<", page)
        following = re.search(r'<a href="([^"]*)" rel="next">Next 20', page)
        path = html.unescape(following[1]) if following else ""
    assert seen == [f"s-{number:02}" for number in range(45)]


@pytest.mark.parametrize(
    ("query", "error"),
    [
        ("status=nonsense", "There is no such status."),
        ("tag=a%20b", "Must be 1 to 64"),
        ("cursor=%C3%A9", "Must be 1 to 128"),
        ("cursor=%00", "Must be 1 to 128"),
    ],
)
def test_a_filter_that_cannot_be_used_is_told(http: FlaskClient, query: str, error: str) -> None:
    answer = http.get(f"/ui/schedules?{query}")
    assert (answer.status_code, error in sentences(answer)) == (422, True)


def test_one_schedule_shows_its_next_five_in_its_zone_the_readers_and_utc(http: FlaskClient, bench: Bench) -> None:
    put(bench, cron="30 2 28 * *", time_zone="Europe/Berlin")
    page = http.get("/ui/schedules/report").text
    said = sentences(http.get("/ui/schedules/report"))
    assert "Its zone, Europe/Berlin" in said
    assert "Wed 28 Jan, 02:30 +01:00" in said
    assert page.count('<time datetime="2026-01-28T01:30:00.000Z">2026-01-28 01:30</time>') == 1  # UTC, in any zone
    assert '<time datetime="2026-01-28T01:30:00.000Z" data-of="day min">2026-01-28 01:30</time>' in page
    assert page.count('data-l="Its zone"') == 5


def test_a_run_that_a_change_of_clocks_moves_is_marked_in_words(http: FlaskClient, bench: Bench) -> None:
    put(bench, cron="30 2 29 3 *", time_zone="Europe/Berlin")
    said = get(http, "/ui/schedules/report")
    assert "Sun 29 Mar, 03:00 +02:00" in said
    assert "no 02:30 that dayclocks go forward from 02:00 to 03:00; runs at the first moment after" in said


def test_the_runs_are_told_with_their_status_and_lead_to_their_timers(http: FlaskClient, bench: Bench) -> None:
    put(bench)
    assert "None yet." in get(http, "/ui/schedules/report")
    for _ in range(12):
        pass_time(bench, HOUR)
    settle(bench, Outcome.DELIVERED, status_code=200)
    page = http.get("/ui/schedules/report").text
    made = [it for it in runs(bench) if it.due_at <= bench.now]
    told = re.findall(r'<tr data-row="([^"]+)">.*?class="st (\w+)".*?href="/ui/timers/([^"]+)"', page)
    assert len(told) == 10
    assert {it[0] for it in told} <= {it.id for it in made}
    assert all(row == link for row, _, link in told)
    assert "12 runs so far" in sentences(http.get("/ui/schedules/report"))


def test_a_runs_timer_says_whose_it_is(http: FlaskClient, bench: Bench) -> None:
    put(bench, "monthly~x")
    pass_time(bench, HOUR)
    (run, *_) = runs(bench, "monthly~x")
    answer = http.get(f"/ui/timers/{run.id}")
    assert "It is a run of monthly~x." in sentences(answer)
    (link,) = re.findall(r'run of <a href="([^"]+)"', answer.text)
    assert http.get(link).status_code == 200
    bench.advance(3 * HOUR)
    bench.look()
    late = max(runs(bench, "monthly~x"), key=lambda it: (it.due_at <= bench.now, it.due_at))
    assert "and the first since 2 moments passed while nothing ran." in sentences(http.get(f"/ui/timers/{late.id}"))
    assert "It is a run of" not in sentences(http.get(f"/ui/timers/{bench.schedule(1000).id}"))


def test_the_number_of_runs_leads_to_the_list_of_them(http: FlaskClient, bench: Bench) -> None:
    put(bench)
    put(bench, "other")
    bench.schedule(HOUR, tags=("report",))
    pass_time(bench, 3 * HOUR)
    settle(bench, Outcome.DELIVERED, status_code=200)
    (link,) = re.findall(r'<a href="(/ui/timers\?[^"]*)">3 runs</a>', http.get("/ui/schedules/report").text)
    page = http.get(html.unescape(link)).text
    assert set(re.findall(r'data-row="([^"]+)"', page)) == {it.id for it in runs(bench)}
    assert 'value="report"' in page
    assert 'name="do"' not in page  # they are listed, and no more
    for status in ("scheduled", "delivered"):
        listed = http.get(f"/ui/timers?status={status}&schedule=report").text
        assert set(re.findall(r'data-row="([^"]+)"', listed)) == {it.id for it in runs(bench) if it.status == status}
    answer = Visitor(http).post("/ui/timers?status=scheduled&schedule=report", {"do": "all", "count": 2, "as_of": 1})
    assert answer.status_code == 422


@pytest.mark.parametrize("query", ["schedule=a%20b", "schedule=a&tag=b"])
def test_a_schedule_that_a_list_cannot_be_limited_to_is_told_at_its_field(http: FlaskClient, query: str) -> None:
    answer = http.get(f"/ui/timers?{query}")
    assert answer.status_code == 422
    assert re.search(r'id="(schedule|tag)-err">', answer.text)


def test_what_was_skipped_is_told_with_its_reasons(http: FlaskClient, bench: Bench) -> None:
    put(bench, overlap=Overlap.SKIP)
    pass_time(bench, 3 * HOUR)
    bench.schedules.pause("report", "x", "y")
    pass_time(bench, HOUR)
    bench.schedules.resume("report")
    bench.look()
    said = get(http, "/ui/schedules/report")
    assert "2 skipped because an earlier run was unfinished; 1 skipped because it was paused" in said
    assert "2 overlapan earlier run was unfinished1 pausedit was paused" in said


@pytest.mark.parametrize("name", ["none", "%C3%A9", "x" * 200, "%00", "..%2f", "a%20b", "<b>"])
def test_a_name_that_no_schedule_has_is_a_404_in_words(http: FlaskClient, name: str) -> None:
    for answer in (http.get(f"/ui/schedules/{name}"), do(http, "delete", name, open="cancel")):
        assert (answer.status_code, answer.mimetype) == (404, "text/html")
        assert "No schedule has this name" in sentences(answer) or "%2f" in name


HOSTILE = ["<script>alert(1)</script>", "'\"><img src=x onerror=alert(1)>", "{{ 7*7 }}", "\u202eevil\u2066", "\x1b[2J"]


@pytest.mark.parametrize("text", HOSTILE)
def test_what_others_wrote_is_shown_as_text(http: FlaskClient, bench: Bench, text: str) -> None:
    put(bench, webhook=Webhook(url="http://h/", body=text.encode(), body_is_json=False, metadata={"note": text}))
    bench.schedules.pause("report", text, text)
    for path in ("/ui/schedules", "/ui/schedules/report"):
        page = http.get(path).text
        assert "<script>alert" not in page
        assert "<img" not in page
        assert not re.search("[\x00-\x08\x0b-\x1f\u202a-\u202e\u2066-\u2069]", page), path
        shown = re.sub("[\x1b\u202e\u2066]", lambda found: f"\\u{ord(found[0]):04x}", text)
        assert html.escape(shown).replace("&#x27;", "&#39;").replace("&quot;", "&#34;") in page


def test_what_only_a_later_version_can_read_is_told_in_words(http: FlaskClient, bench: Bench) -> None:
    put(bench)
    (key,) = [it for it in bench.client.keys("timers:{0}:*report*") if bench.client.type(it) == b"hash"]
    bench.client.hset(key, "plan", b'{"plan": 2}')
    for path in ("/ui/schedules", "/ui/schedules/report", "/ui/set-schedule?name=report"):
        answer = http.get(path)
        assert (answer.status_code, answer.mimetype) == (503, "text/html")
        assert "A newer version of this service stored the schedule report" in sentences(answer)


def test_the_live_part_stays_the_same_while_only_time_passes(http: FlaskClient, bench: Bench) -> None:
    put(bench)
    for path in ("/ui/schedules?live=", "/ui/schedules/report?live="):
        before = http.get(path)
        seen = {"If-None-Match": before.headers["ETag"]}
        bench.advance(1500)
        assert http.get(f"{path}&2", headers=seen).status_code == 304
        bench.schedules.pause("report", f"for {path}", "")
        assert http.get(f"{path}&3", headers=seen).status_code == 200
        bench.schedules.resume("report")


def test_views_of_schedules_are_at_most_40_kilobytes(http: FlaskClient, bench: Bench) -> None:
    for number in range(20):
        put(bench, f"a-schedule-of-a-usual-name-{number}", cron="30 2 28 * *", time_zone="America/New_York")
    put(bench, "often", every_ms=MINUTE)
    pass_time(bench, HOUR)
    preview = "/ui/schedules?cron=30+2+*+*+*&time_zone=America/New_York&count=5"
    for path in ("/ui/schedules", preview, "/ui/schedules/often", "/ui/set-schedule?name=often"):
        assert first_visit(http, path) <= 40_000, path
