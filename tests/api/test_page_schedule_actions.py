"""Each action on a schedule, by whom it is offered, and its refusal."""

from __future__ import annotations

import re

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from scheduler import UnknownSchedule, Webhook
from tests.api.page_schedules import do, get, put, signed_in
from tests.bench.store import Bench
from tests.bench.visitor import Visitor, sentences
from tests.store.schedules import HOUR, MINUTE, pass_time, runs


def followed(http: FlaskClient, answer: TestResponse) -> str:
    assert answer.status_code == 303, sentences(answer)
    return sentences(http.get(answer.location))


def offered(http: FlaskClient, name: str = "report") -> list[str]:
    return re.findall(r'name="do" value="(\w+)"', http.get(f"/ui/schedules/{name}").text)


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
    pass_time(bench, 3 * HOUR + MINUTE)
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
    pass_time(bench, HOUR)
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


def test_each_status_offers_what_it_allows(http: FlaskClient, bench: Bench) -> None:
    put(bench)
    assert offered(http) == ["fire", "pause", "delete"]
    bench.schedules.pause("report", "", "")
    assert offered(http) == ["fire", "resume", "delete"]
    put(bench, "once", max_runs=1)
    pass_time(bench, HOUR + MINUTE)
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
