"""The view of many timers: tabs, filters, pages, rows, the box for an id or a key, and what is done to many at once."""

from __future__ import annotations

import re
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from scheduler import Link, Outcome, Settings, Timer, connect
from tests.api.conftest import settle
from tests.bench.store import Bench
from tests.bench.visitor import Visitor, sentences
from timer_service import create_app
from timer_service.web.pages.timers import bulk

PATH = "/ui/timers"


def post(http: FlaskClient, path: str, **form: Any) -> TestResponse:
    return Visitor(http).post(path, form)


def followed(http: FlaskClient, answer: TestResponse) -> str:
    """The view that a form leads to when it is done."""
    assert answer.status_code == 303, sentences(answer)
    return sentences(http.get(answer.location))


def shown(http: FlaskClient, query: str = "") -> str:
    answer = http.get(f"{PATH}{query}")
    assert answer.status_code == 200, sentences(answer)
    return sentences(answer)


def ids(http: FlaskClient, query: str = "") -> list[str]:
    page = http.get(f"{PATH}{query}").get_data(as_text=True)
    return re.findall(r'<a class="id" href="/ui/timers/(\w+)"', page)


def link(http: FlaskClient, query: str, words: str) -> str:
    """Where a link with these words leads."""
    page = http.get(f"{PATH}{query}").get_data(as_text=True)
    found = re.search(rf'href="{PATH}([^"]*)"[^>]*>{words}', page)
    assert found, f"no link {words}"
    return found[1].replace("&amp;", "&")


def ended(bench: Bench, outcome: Outcome, **webhook: Any) -> Timer:
    timer = bench.schedule(0, **webhook)
    settle(bench, outcome, status_code=200 if outcome is Outcome.DELIVERED else 410)
    return bench.timers.get(timer.id)


def test_each_status_has_a_tab_with_its_count_and_its_timers(http: FlaskClient, bench: Bench) -> None:
    delivered, failed = ended(bench, Outcome.DELIVERED), ended(bench, Outcome.PERMANENT)
    cancelled, delivering = bench.schedule(9000), bench.schedule(0)
    bench.timers.cancel(cancelled.id)
    bench.claims.claim(1)
    scheduled = [bench.schedule(delay) for delay in (2000, 1000)]
    said = shown(http)
    assert "Scheduled 2Delivering 1Delivered 1Failed 1Cancelled 1All 6" in said
    assert ids(http) == [scheduled[1].id, scheduled[0].id]
    for status, timer in (
        ("delivering", delivering),
        ("delivered", delivered),
        ("failed", failed),
        ("cancelled", cancelled),
    ):
        assert ids(http, f"?status={status}") == [timer.id]
    assert len(ids(http, "?status=any")) == 6


def test_the_last_that_ended_comes_first_unless_asked_otherwise(http: FlaskClient, bench: Bench) -> None:
    timers = []
    for _ in range(3):
        timers.append(ended(bench, Outcome.PERMANENT).id)
        bench.advance(1000)
    assert ids(http, "?status=failed") == timers[::-1]
    assert ids(http, "?status=failed&order=asc") == timers


def test_filters_are_those_of_the_api_and_stay_in_their_fields(http: FlaskClient, bench: Bench) -> None:
    one = bench.schedule(60_000, tags=("t",), url="https://a.example/x")
    bench.schedule(120_000, tags=("t",), url="https://b.example/x")
    bench.schedule(60_000, url="https://a.example/y")
    for query in (
        "?tag=t&destination=https:a.example:443",
        "?tag=t&destination=https://a.example/z",
        "?tag=t&due_before=2026-01-01T00:01:30",
        "?tag=t&due_after=2026-01-01T00:01&due_before=2026-01-01T00:01:01",
    ):
        assert ids(http, query) == [one.id], query
    page = http.get(f"{PATH}?tag=t&destination=https:a.example:443&due_before=2026-01-01T00:01:30&order=desc")
    html = page.get_data(as_text=True)
    for value in ('value="t"', 'value="https:a.example:443"', 'value="2026-01-01T00:01:30"', 'value="desc" selected'):
        assert value in html
    assert "1 timer matches: scheduled, tag t, destination https:a.example:443, due before 2026-01-01T00:01:30Z." in (
        sentences(page)
    )


@pytest.mark.parametrize(
    ("query", "field", "error"),
    [
        ("tag=a%20b", "tag", "Must be 1 to 64 of the characters"),
        ("tag=%3Cscript%3E", "tag", "Must be 1 to 64"),
        ("destination=nowhere", "destination", "Only http and https."),
        ("destination=ftp:x:1", "destination", "Only http and https."),
        ("due_after=yesterday", "due_after", "Not a moment"),
        ("due_before=2026-02-30T00:00", "due_before", "There is no such moment."),
        ("due_before=%E2%80%AE", "due_before", "Not a moment"),
    ],
)
def test_a_filter_that_cannot_be_is_told_at_its_field_and_stays_there(
    http: FlaskClient, query: str, field: str, error: str
) -> None:
    answer = http.get(f"{PATH}?{query}")
    html = answer.get_data(as_text=True)
    assert answer.status_code == 422
    assert error in re.findall(rf'id="{field}-err">([^<]*)<', html)[0]
    assert f'aria-invalid="true" aria-describedby="{field}-err"' in html
    assert "<script>alert" not in html
    assert "<table" not in html


@pytest.mark.parametrize("cursor", ["x", "%00", "a" * 5000, "MTIzIHg=", "%C3%A9", "LTEgLSAwIGdvbmU="])
def test_a_cursor_that_is_not_ours_is_refused_in_words(http: FlaskClient, bench: Bench, cursor: str) -> None:
    bench.schedule(1000)
    answer = http.get(f"{PATH}?cursor={cursor}")
    assert (answer.status_code, "Not a cursor of ours" in sentences(answer)) == (422, True)


def test_a_status_that_there_is_not_is_refused_in_words(http: FlaskClient) -> None:
    answer = http.get(f"{PATH}?status=gone")
    assert answer.status_code == 422
    assert "Show the scheduled timers." in sentences(answer)


def test_pages_go_on_by_a_cursor_until_all_have_been_shown_once(http: FlaskClient, bench: Bench) -> None:
    timers = [it.id for it in bench.timers.set(*(bench.draft(1000 + number) for number in range(120)))]
    found, query = ids(http), ""
    assert "Scheduled, the first 20 of 120" in shown(http)
    for _ in range(5):
        query = link(http, query, "Next")
        found += ids(http, query)
    assert found == timers
    assert "Scheduled, the next 20 of 120" in shown(http, query)
    assert link(http, query, "First") == "?status=scheduled"
    assert "Next" not in shown(http, query)


def test_a_page_that_stopped_early_says_so_and_goes_on(http: FlaskClient, bench: Bench) -> None:
    bench.timers.set(*(bench.draft(number, url="http://busy/") for number in range(2100)))
    last = bench.schedule(5000, url="http://rare/")
    said = shown(http, "?destination=http://rare")
    assert "None among those looked at." in said
    assert "stopped early, after it had looked at 2,000 timers" in said
    assert ids(http, link(http, "?destination=http://rare", "Go on")) == [last.id]


def test_a_count_that_stopped_counting_says_at_least(http: FlaskClient, bench: Bench) -> None:
    bench.timers.set(*(bench.draft(1000, url="http://one/") for _ in range(2100)))
    said = shown(http, "?destination=http://one")
    assert "At least 2,000 timers match" in said
    assert "Type 2000 to cancel them all" in said
    assert "Cancel all that match, at least 2,000" in said
    assert "Scheduled, the first 20 of at least 2,000" in said
    assert "2,100 timers match" in shown(http)


def test_all_that_match_are_changed_where_nobody_counted_them_all(http: FlaskClient, bench: Bench) -> None:
    bench.timers.set(*(bench.draft(1000, url="http://one/") for _ in range(2100)))
    few = all_of(http, "?destination=http://one", 40, at_least="1")
    assert (few.status_code, bench.timers.stats().scheduled) == (422, 2100)  # also below 100 it has to be typed
    said = followed(http, all_of(http, "?destination=http://one", 2000, at_least="1", sure="2000"))
    assert "2,100 cancelled." in said


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("", "Nothing is scheduled."),
        ("?status=delivering", "Nothing is being delivered."),
        ("?status=failed", "Nothing failed in the last 30 days."),
        ("?status=delivered", "Nothing was delivered in the last"),
        ("?status=cancelled", "Nothing was cancelled in the last"),
        ("?status=any", "There are no timers."),
        ("?tag=none", "None match. Clear the filters."),
    ],
)
def test_an_empty_list_says_what_is_not_there(http: FlaskClient, query: str, words: str) -> None:
    assert words in shown(http, query)


def test_a_row_tells_when_what_and_how_it_went(http: FlaskClient, bench: Bench) -> None:
    bench.schedule(0, method="PUT", url="http://h/long?" + "x" * 300, key="k:1", tags=("a", "b"))
    settle(bench, Outcome.RETRYABLE, 42_600, status_code=503)
    said = shown(http)
    for words in ("00:00:42.600", "42.6 s", "PUT http://h/long?", "… 154 more characters", "k:1", "a, b"):
        assert words in said, words
    assert "1 of 8, retry after 503" in said
    bench.advance(45_800)
    assert "late 3.2 s" in shown(http)
    bench.advance(86_400_000)
    assert "2026-01-01 00:00:42.600" in shown(http)


def test_the_box_opens_a_timer_by_id_webhook_id_or_key(http: FlaskClient, bench: Bench) -> None:
    timer = bench.schedule(0, key="order:7")
    for name in (timer.id, "order:7", f"%20{timer.id}%20"):
        answer = http.get(f"{PATH}?one={name}")
        assert (answer.status_code, answer.location) == (303, f"{PATH}/{timer.id}")
    bench.claims.claim(1)
    for name in ("no:such", f"{timer.id}-2", "0" * 22, "x" * 5000, "%00", "%C3%A9", "..", "%3Cb%3E"):
        answer = http.get(f"{PATH}?one={name}")
        assert (answer.status_code, "No timer has this id or key." in sentences(answer)) == (404, True), name


# What is done to many.


def all_of(http: FlaskClient, query: str, count: int, **fields: Any) -> Any:
    """By the form of a page that is loaded now, unless `as_of` says when it was."""
    found = re.search(r'name="as_of" value="(\d+)"', http.get(f"{PATH}{query}").get_data(as_text=True))
    fields = {"as_of": found[1] if found else "1", **fields}
    return post(http, f"{PATH}{query}", do="all", count=str(count), **fields)


def test_the_ticked_are_cancelled_and_the_note_counts_what_was_not(http: FlaskClient, bench: Bench) -> None:
    taken = bench.schedule(0)
    bench.claims.claim(1)
    one, two, left = (bench.schedule(1000) for _ in range(3))
    ticked = [f"{it.id}.0" for it in (one, two, taken)] + ["0" * 22 + ".0", "nonsense", ""]
    said = followed(http, post(http, PATH, do="ticked", ids=ticked))
    assert "2 cancelled, 3 are not known any more, 1 was already being delivered." in said
    assert ids(http) == [left.id]


@pytest.mark.parametrize("ticked", [[], [f"{number}.0" for number in range(51)]])
def test_none_or_too_many_ticked_is_refused(http: FlaskClient, ticked: list[str]) -> None:
    answer = post(http, PATH, do="ticked", ids=ticked)
    assert (answer.status_code, "Nothing was done." in sentences(answer)) == (422, True)


def test_a_ticked_timer_that_was_sent_meanwhile_is_not_replayed_again(http: FlaskClient, bench: Bench) -> None:
    one, two = ended(bench, Outcome.PERMANENT), ended(bench, Outcome.PERMANENT)
    ticked = [f"{one.id}.1", f"{two.id}.1"]
    bench.timers.replay(two)
    settle(bench, Outcome.PERMANENT, status_code=410)
    said = followed(http, post(http, f"{PATH}?status=failed", do="ticked", ids=ticked))
    assert "1 replayed, 1 was attempted after it had been ticked." in said
    assert (bench.timers.get(one.id).status, bench.timers.get(two.id).status) == ("scheduled", "failed")


def test_all_that_match_are_cancelled_and_no_others(http: FlaskClient, bench: Bench) -> None:
    bench.timers.set(*(bench.draft(1000, tags=("t",)) for _ in range(60)))
    other = bench.schedule(1000)
    assert "Cancel all 60" in shown(http, "?tag=t")
    assert "60 cancelled." in followed(http, all_of(http, "?tag=t", 60))
    assert ids(http) == [other.id]


@pytest.mark.parametrize("sure", ["", "136", "0137", "137x", "\u0661\u0663\u0667", "-137"])
def test_above_a_hundred_the_number_must_be_typed(http: FlaskClient, bench: Bench, sure: str) -> None:
    bench.timers.set(*(bench.draft(1000) for _ in range(137)))
    answer = all_of(http, "", 137, sure=sure)
    assert answer.status_code == 422
    assert "Type 137 to cancel them all." in sentences(answer)
    assert f'value="{sure}" aria-invalid="true" aria-describedby="sure-err"' in answer.get_data(as_text=True)
    assert len(ids(http)) == 20


def test_the_typed_number_may_have_its_comma(http: FlaskClient, bench: Bench) -> None:
    bench.timers.set(*(bench.draft(1000) for _ in range(1100)))
    assert "1,100 cancelled." in followed(http, all_of(http, "", 1100, sure=" 1,100"))
    assert bench.timers.stats().scheduled == 0


def test_no_more_are_changed_than_the_button_said(http: FlaskClient, bench: Bench) -> None:
    timers = [bench.schedule(1000 + number) for number in range(5)]
    assert "3 cancelled." in followed(http, all_of(http, "", 3))
    assert ids(http) == [it.id for it in timers[3:]]


@pytest.mark.parametrize("count", ["", "x", "-1", "0", "000", "9" * 30, "\u0661"])
def test_a_form_that_does_not_say_how_many_does_nothing(http: FlaskClient, bench: Bench, count: str) -> None:
    bench.schedule(1000)
    answer = post(http, PATH, do="all", count=count, as_of="1")
    assert (answer.status_code, "Nothing was done." in sentences(answer)) == (422, True)
    assert bench.timers.stats().scheduled == 1


@pytest.mark.parametrize("as_of", ["", "x", "-1", "9" * 30, "\u0661"])
def test_a_form_that_does_not_say_when_it_was_loaded_does_nothing(http: FlaskClient, bench: Bench, as_of: str) -> None:
    bench.schedule(1000)
    answer = post(http, PATH, do="all", count="1", as_of=as_of)
    assert (answer.status_code, "Nothing was done." in sentences(answer)) == (422, True)
    assert bench.timers.stats().scheduled == 1


def test_all_that_failed_are_replayed_each_once(http: FlaskClient, bench: Bench) -> None:
    failed = [ended(bench, Outcome.PERMANENT, tags=("t",)) for _ in range(3)]
    bench.advance(1)
    assert "Replay all 3" in shown(http, "?status=failed&tag=t")
    assert "3 replayed." in followed(http, all_of(http, "?status=failed&tag=t", 3))
    assert {bench.timers.get(it.id).status for it in failed} == {"scheduled"}
    assert "None replayed." in followed(http, all_of(http, "?status=failed&tag=t", 3))


@pytest.mark.parametrize("outcome", [Outcome.PERMANENT, Outcome.DELIVERED])
def test_a_button_that_is_pressed_twice_sends_nothing_twice(http: FlaskClient, bench: Bench, outcome: Outcome) -> None:
    """Twice in a row, or back and once more, or by two people; the first replays have been sent meanwhile."""
    first, other = ended(bench, outcome), ended(bench, outcome)
    query = f"?status={first.status}"
    bench.advance(1)
    as_of = str(bench.now)
    assert "2 replayed." in followed(http, all_of(http, query, 2, as_of=as_of))
    settle(bench, outcome, status_code=410)
    settle(bench, outcome, status_code=410)
    bench.advance(1)
    again = followed(http, all_of(http, query, 2, as_of=as_of))
    assert "None replayed, 2 were replayed before." in again
    assert {bench.timers.get(it.id).attempts for it in (first, other)} == {2}
    assert {bench.timers.get(it.id).status for it in (first, other)} == {first.status}
    assert "2 replayed." in followed(http, all_of(http, query, 2))  # by a page that shows how they ended


def test_when_time_is_up_it_says_what_was_done_and_what_is_left(
    http: FlaskClient, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk, "_SECONDS", 0.0)
    bench.timers.set(*(bench.draft(1000) for _ in range(1300)))
    said = followed(http, all_of(http, "", 1300, sure="1300"))
    assert "1,000 cancelled. Time was up: 300 match still. Go on below." in said
    assert "Type 300 to cancel them all" in said


@pytest.mark.parametrize("query", ["?status=delivering", "?status=cancelled", "?status=any", "?status=x", "?tag=a%20b"])
def test_what_cannot_be_changed_together_is_refused(http: FlaskClient, bench: Bench, query: str) -> None:
    answer = all_of(http, query, 1)
    assert (answer.status_code, "Nothing was done" in sentences(answer)) == (422, True)
    assert "Cancel all" not in sentences(http.get(f"{PATH}{query}"))


def test_without_the_token_of_a_page_nothing_is_done_to_many(http: FlaskClient, bench: Bench) -> None:
    bench.schedule(1000)
    assert post(http, PATH, token="x", do="all", count="1").status_code == 403
    assert bench.timers.stats().scheduled == 1


def test_the_same_is_told_for_a_terminal(http: FlaskClient, bench: Bench) -> None:
    bench.schedule(1000, tags=("t",))
    said = shown(http, "?tag=t&due_before=2026-01-02T00:00")
    for command in (
        "curl -s 'http://localhost/timers?status=scheduled&tag=t&due_before=2026-01-02T00%3A00%3A00Z'",
        "timer-service timer list --status scheduled --tag t --due-before 2026-01-02T00:00:00Z",
        "curl -s -X POST http://localhost/timers/cancel -H 'content-type: application/json' -d "
        '\'{"status":"scheduled","tag":"t","due_before":"2026-01-02T00:00:00Z"}\'',
        "timer-service timer cancel --status scheduled --tag t --due-before 2026-01-02T00:00:00Z",
    ):
        assert command in said, command


def test_the_live_part_has_the_counts_and_the_ids_and_no_row(http: FlaskClient, bench: Bench) -> None:
    timer = bench.schedule(60_000)
    live = http.get(f"{PATH}?live").get_data(as_text=True)
    assert f'data-row="{timer.id}"' in live
    assert 'data-live="tabs"' in live
    assert "http://receiver" not in live


def test_while_the_store_is_away_a_list_does_not_ask_to_be_sent_again() -> None:
    http = create_app(Settings(), Link(connect("redis://127.0.0.1:1", 0.2), 1)).test_client()
    for answer in (http.get("/ui/timers"), http.get("/timers")):
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
        assert "nothing can be read from it. Ask again in a moment." in answer.text
        assert "send it again" not in answer.text
    assert "Nothing was done; send it again." in http.delete(f"/timers/{'0' * 22}").text
