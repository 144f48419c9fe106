"""The view Schedules, and that of one schedule: what they say, each action and its refusal, and hostile content."""

from __future__ import annotations

import html
import re
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from scheduler import Outcome, Overlap, Plan, Query, Schedule, ScheduleDraft, Settings, Timer, UnknownSchedule, Webhook
from tests.api.conftest import settle
from tests.api.test_page_bytes import first_visit
from tests.bench.store import Bench
from tests.bench.visitor import Visitor, sentences
from timer_service import create_app
from timer_service.web.access.api_keys import new_key

MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
_PLAN = Plan.__dataclass_fields__


def put(bench: Bench, name: str = "report", **said: Any) -> Schedule:
    """A schedule, every hour unless it says otherwise, that a poller has looked at."""
    plan = {field: said.pop(field) for field in list(said) if field in _PLAN}
    plan = plan if "cron" in plan else {"every_ms": HOUR, **plan}
    webhook = said.pop("webhook", Webhook(url="http://receiver/hook"))
    bench.schedules.put(ScheduleDraft(name=name, plan=Plan(**plan), webhook=webhook, **said))
    bench.look()
    return bench.schedules.get(name)


def later(bench: Bench, ms: int) -> None:
    """Let time pass, in which a poller looks at schedules each minute at most."""
    end = bench.now + ms
    while bench.now < end:
        bench.advance(min(MINUTE * 10, end - bench.now))
        bench.look()


def get(http: FlaskClient, path: str = "/ui/schedules") -> str:
    answer = http.get(path)
    assert answer.status_code == 200
    return sentences(answer)


def do(http: FlaskClient, what: str, name: str = "report", **fields: Any) -> TestResponse:
    return Visitor(http).post(f"/ui/schedules/{name}", {"do": what, **fields})


def followed(http: FlaskClient, answer: TestResponse) -> str:
    assert answer.status_code == 303, sentences(answer)
    return sentences(http.get(answer.location))


def runs(bench: Bench, name: str = "report") -> list[Timer]:
    return bench.listing.page(Query(schedule=name, any_status=True, limit=100)).timers


def offered(http: FlaskClient, name: str = "report") -> list[str]:
    return re.findall(r'name="do" value="(\w+)"', http.get(f"/ui/schedules/{name}").text)


def signed_in(bench: Bench, scope: str) -> Visitor:
    key, entry = new_key("oncall", scope)
    visitor = Visitor(create_app(Settings(api_keys=entry), bench.link).test_client())
    assert visitor.post("/ui/sign-in", {"key": key, "to": "/ui"}).status_code == 303
    return visitor


def test_without_any_the_list_says_what_a_schedule_is(http: FlaskClient) -> None:
    said = get(http)
    assert "There are no schedules. A schedule makes timers again and again" in said.replace(".A", ". A")
    assert 'aria-current="page">Schedules' in http.get("/ui/schedules").text


def test_the_list_says_of_each_when_it_runs_how_it_stands_and_what_it_skipped(http: FlaskClient, bench: Bench) -> None:
    put(bench, "nightly", cron="0 1 * * *", time_zone="Asia/Kolkata")
    put(bench, "sync", overlap=Overlap.SKIP)
    put(bench, "once", ends_at=bench.now + 1)
    later(bench, 3 * HOUR)
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
    later(bench, 2 * MINUTE)
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
        later(bench, HOUR)
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
    later(bench, HOUR)
    (run, *_) = runs(bench, "monthly~x")
    answer = http.get(f"/ui/timers/{run.id}")
    assert "It is a run of monthly~x." in sentences(answer)
    (link,) = re.findall(r'run of <a href="([^"]+)"', answer.text)
    assert http.get(link).status_code == 200
    bench.advance(3 * HOUR)
    bench.look()
    late = max(runs(bench, "monthly~x"), key=lambda it: (it.due_at <= bench.now, it.due_at))
    assert "stands for 2 moments before it too, which passed while nothing ran." in sentences(
        http.get(f"/ui/timers/{late.id}")
    )
    assert "It is a run of" not in sentences(http.get(f"/ui/timers/{bench.schedule(1000).id}"))


def test_the_number_of_runs_leads_to_the_list_of_them(http: FlaskClient, bench: Bench) -> None:
    put(bench)
    put(bench, "other")
    bench.schedule(HOUR, tags=("report",))
    later(bench, 3 * HOUR)
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
    later(bench, 3 * HOUR)
    bench.schedules.pause("report", "x", "y")
    later(bench, HOUR)
    bench.schedules.resume("report")
    bench.look()
    said = get(http, "/ui/schedules/report")
    assert "2 skipped because an earlier run was unfinished; 1 skipped because it was paused" in said
    assert "2 overlapan earlier run was unfinished1 pausedit was paused" in said


def test_pause_says_why_by_whom_and_until_when_and_resume_ends_it(bench: Bench) -> None:
    put(bench)
    visitor = signed_in(bench, "write")
    said = sentences(visitor.send("/ui/schedules/report", {"do": "pause", "reason": "stock-taking", "until": "2h"}))
    assert "It is paused: no run is made from now on." in said
    assert "Paused: stock-taking." in said
    assert "Paused since 2026-01-01 00:00 UTC by oncall, until 2026-01-01 02:00 UTC." in said
    assert bench.schedules.get("report").paused == ("stock-taking", "oncall", bench.now, bench.now + 2 * HOUR)
    assert "Active: next run in" in sentences(visitor.send("/ui/schedules/report", {"do": "resume", "catch_up": ""}))
    assert bench.schedules.get("report").paused is None


@pytest.mark.parametrize(("how", "made"), [("", 0), ("last", 1), ("all", 3)])
def test_resume_skips_or_makes_up_for_what_passed_meanwhile(
    http: FlaskClient, bench: Bench, how: str, made: int
) -> None:
    put(bench)
    bench.schedules.pause("report", "", "")
    later(bench, 3 * HOUR + MINUTE)
    assert "It goes on." in followed(http, do(http, "resume", catch_up=how))
    bench.look()
    assert len([it for it in runs(bench) if it.due_at <= bench.now]) == made


@pytest.mark.parametrize(
    ("fields", "field", "error"),
    [
        ({"reason": "x" * 501}, "reason", "At most 500 characters."),
        ({"until": "soon"}, "until", "A moment as 2026-03-01 09:00:00"),
        ({"until": "2020-01-01 00:00"}, "until", "Must be later than now"),
        ({"until": "2026-02-30 00:00"}, "until", "There is no such moment."),
        ({"until": "0s"}, "until", "Must be later than now"),
    ],
)
def test_a_pause_that_makes_no_sense_is_told_at_its_field(
    http: FlaskClient, bench: Bench, fields: dict[str, str], field: str, error: str
) -> None:
    put(bench)
    answer = do(http, "pause", **fields)
    assert answer.status_code == 422
    assert re.search(rf'aria-invalid="true" aria-describedby="{field}-err"', answer.text)
    assert error in re.findall(rf'id="{field}-err">([^<]*)<', answer.text)[0]
    assert f'value="{fields[field]}"' in answer.text
    assert bench.schedules.get("report").paused is None


def test_run_once_now_makes_one_run_however_often_the_form_is_sent(http: FlaskClient, bench: Bench) -> None:
    put(bench)
    (once,) = re.findall(r'name="once" value="([^"]+)"', http.get("/ui/schedules/report").text)
    for _ in range(3):
        assert "is made, and is due now." in followed(http, do(http, "fire", once=once))
    assert len([it for it in runs(bench) if it.due_at <= bench.now]) == 1
    assert do(http, "fire", once="another").status_code == 303
    assert len([it for it in runs(bench) if it.due_at <= bench.now]) == 2


@pytest.mark.parametrize(("what", "status"), [("cancel", "cancelled"), ("keep", "scheduled")])
def test_delete_says_what_becomes_of_open_runs(http: FlaskClient, bench: Bench, what: str, status: str) -> None:
    put(bench)
    later(bench, HOUR)
    (run,) = [it for it in runs(bench) if it.due_at <= bench.now]
    said = followed(http, do(http, "delete", open=what))
    assert ("are cancelled" if what == "cancel" else "are left as they are") in said
    assert bench.timers.get(run.id).status == status
    with pytest.raises(UnknownSchedule):
        bench.schedules.get("report")


@pytest.mark.parametrize(
    "fields",
    [{}, {"do": "explode"}, {"do": "delete"}, {"do": "delete", "open": "x"}, {"do": "resume", "catch_up": "none"}],
)
def test_a_form_that_says_nonsense_does_nothing(http: FlaskClient, bench: Bench, fields: dict[str, str]) -> None:
    before = put(bench)
    answer = Visitor(http).post("/ui/schedules/report", fields)
    assert (answer.status_code, "Nothing was done" in sentences(answer)) == (422, True)
    assert bench.schedules.get("report").status == before.status


def test_a_resume_of_what_goes_on_already_is_refused(http: FlaskClient, bench: Bench) -> None:
    put(bench)
    answer = do(http, "resume", catch_up="")
    assert (answer.status_code, "It is not paused any more." in sentences(answer)) == (409, True)


def test_without_the_token_of_a_page_nothing_is_done(http: FlaskClient, bench: Bench) -> None:
    put(bench)
    assert do(http, "delete", open="cancel", token="x").status_code == 403
    assert bench.schedules.get("report").status == "active"


@pytest.mark.parametrize("name", ["none", "%C3%A9", "x" * 200, "%00", "..%2f", "a%20b", "<b>"])
def test_a_name_that_no_schedule_has_is_a_404_in_words(http: FlaskClient, name: str) -> None:
    for answer in (http.get(f"/ui/schedules/{name}"), do(http, "delete", name, open="cancel")):
        assert (answer.status_code, answer.mimetype) == (404, "text/html")
        assert "No schedule has this name" in sentences(answer) or "%2f" in name


def test_each_status_offers_what_it_allows(http: FlaskClient, bench: Bench) -> None:
    put(bench)
    assert offered(http) == ["fire", "pause", "delete"]
    bench.schedules.pause("report", "", "")
    assert offered(http) == ["fire", "resume", "delete"]
    put(bench, "once", max_runs=1)
    later(bench, HOUR + MINUTE)
    assert offered(http, "once") == ["fire", "delete"]
    assert "Ended: it has made 1 run, as many as it may." in get(http, "/ui/schedules/once")


def test_a_key_that_may_only_read_sees_no_form_that_changes_and_no_value_of_a_query(bench: Bench) -> None:
    put(bench, webhook=Webhook(url="https://h.example/x?token=s3cret", headers={"Authorization": "Bearer hid"}))
    reader, writer = signed_in(bench, "read"), signed_in(bench, "write")
    for path in ("/ui/schedules/report", "/ui/schedules"):
        page = reader.get(path).text
        assert 'name="do"' not in page
        assert "s3cret" not in page
        assert not re.search(r'method="post"(?! action="/ui/sign-out")', page)
    assert "https://h.example/x?token=***" in reader.get("/ui/schedules/report").text
    shown = writer.get("/ui/schedules/report").text
    assert "token=s3cret" in shown
    assert "Bearer hid" not in shown
    assert "Show moments" in reader.get("/ui/schedules").text  # a preview stores nothing
    assert reader.post("/ui/schedules/report", {"do": "delete", "open": "cancel"}).status_code == 403
    assert bench.schedules.get("report").status == "active"


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


def test_a_preview_marks_a_gap_and_a_fold_and_stores_nothing(http: FlaskClient, bench: Bench) -> None:
    query = "cron=30+2+*+*+*&time_zone=Europe/Berlin&count=3&from="
    gap = get(http, f"/ui/schedules?{query}2027-03-27T00:00")
    assert "At 02:30, in Europe/Berlin" in gap
    assert "Sun 28 Mar, 03:00 +02:00" in gap
    assert "no 02:30 that dayclocks go forward from 02:00 to 03:00; runs at the first moment after" in gap
    fold = get(http, f"/ui/schedules?{query}2026-10-24T00:00")
    assert "02:30 comes twiceclocks go back from 03:00 to 02:00; runs at the first" in fold
    last = get(http, f"/ui/schedules?fold=last&{query}2026-10-24T00:00")
    assert "Sun 25 Oct, 02:30 +01:00" in last
    assert "runs at the last" in last
    both = get(http, "/ui/schedules?cron=*/30+*+*+*+*&time_zone=Australia/Lord_Howe&count=9&from=2026-04-04T13:00")
    assert "comes twiceclocks go back from 02:00 to 01:30; runs both times" in both
    assert bench.schedules.page().schedules == []


def test_a_preview_over_a_day_that_a_zone_left_out_says_its_date(http: FlaskClient) -> None:
    said = get(http, "/ui/schedules?cron=0+9+*+*+*&time_zone=Pacific/Apia&count=2&from=2011-12-29T20:00:00Z")
    assert "no 09:00 that dayclocks go forward from Fri 30 Dec, 00:00 to Sat 31 Dec, 00:00" in said


@pytest.mark.parametrize(
    ("query", "field", "error"),
    [
        ("cron=", "cron", "Say when: cron"),
        ("cron=1+2", "cron", "there are five"),
        ("cron=0+0+31+4+*", "cron", ""),
        ("cron=0+9+*+*+*&every=5m", "every", "either"),
        ("every=soon", "every", ""),
        ("every=1ms", "every", ""),
        ("every=1h&time_zone=Mars", "time_zone", "There is no such time zone"),
        ("every=1h&from=2026-02-30T00:00", "from", "There is no such moment."),
        ("every=1h&count=51", "count", "50"),
        ("every=1h&count=" + "9" * 5000, "count", "50"),
        ("every=1h&gap=x", "gap", ""),
        ("every=1h&fold=x", "fold", ""),
    ],
)
def test_a_preview_that_makes_no_sense_is_told_at_its_field(
    http: FlaskClient, query: str, field: str, error: str
) -> None:
    answer = http.get(f"/ui/schedules?{query}")
    assert answer.status_code == 422
    assert error in re.findall(rf'id="{field}-err">([^<]+)<', answer.text)[0]
    assert f'aria-describedby="{field}-err"' in answer.text


def test_a_preview_up_to_the_last_moment_there_is_ends_there(http: FlaskClient) -> None:
    said = get(http, "/ui/schedules?every=1m&time_zone=Pacific/Kiritimati&from=9999-12-31T23:58:30Z")
    assert "in the year 10000" in said
    assert "no moment is left" in get(http, "/ui/schedules?cron=0+0+*+*+*&from=9999-12-31T23:58:30Z")


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
    later(bench, HOUR)
    preview = "/ui/schedules?cron=30+2+*+*+*&time_zone=America/New_York&count=5"
    for path in ("/ui/schedules", preview, "/ui/schedules/often", "/ui/set-schedule?name=often"):
        assert first_visit(http, path) <= 40_000, path
