"""What the views of schedules give for a terminal: each line, pasted, is a call that the API or our program takes."""

from __future__ import annotations

import html
import re
import shlex
from urllib.parse import urlsplit

import click
import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from scheduler import ScheduleStatus, UnknownSchedule
from tests.api.page_schedules import put, signed_in
from tests.api.test_page_set_schedule import GIVEN, send
from tests.bench.store import Bench
from tests.store.schedules import HOUR, pass_time, runs
from timer_service.cli import main
from timer_service.web.pages.schedules.commands import set_commands
from timer_service.web.pages.words.commands import Terminal

ALL = {
    **GIVEN,
    "method": "PUT",
    "body": '{"n":1.50}',
    "headers": "X-A: 1; rm -rf /\nX-B: $(id)",
    "overlap": "skip",
    "catch_up": "all",
    "catch_up_window": "2h",
    "starts_at": "2027-03-26T00:00",
    "ends_at": "2028-03-26T00:00:01",
    "max_runs": "7",
    "gap": "skip",
    "fold": "last",
    "spread": "5m",
    "pause_after_failures": "3",
    "tags": "a, b",
    "timeout": "2.5",
    "max_attempts": "4",
    "priority": "60",
    "max_lateness": "5m",
}


def lines(page: str) -> list[list[str]]:
    """The words of each command of a page, as a shell makes them."""
    (folded,) = re.findall(r"<summary>The same from a terminal</summary>(.*?)</details>", page, re.DOTALL)
    return [shlex.split(html.unescape(it)) for it in re.findall(r"<pre[^>]*>(.*?)</pre>", folded, re.DOTALL)]


def curled(http: FlaskClient, words: list[str]) -> TestResponse:
    """The answer to the request that a line with curl makes."""
    assert words[:2] == ["curl", "-s"]
    said = dict(zip(words[2::2], words[3::2], strict=False))
    url = urlsplit(next(it for it in words if it.startswith("http://localhost")))
    headers = {"content-type": "application/json"} if "-d" in words else {}
    data = words[words.index("-d") + 1] if "-d" in words else None
    where = f"{url.path}?{url.query}" if url.query else url.path
    return http.open(where, method=said.get("-X", "GET"), headers=headers, data=data)


def check_ours(words: list[str]) -> list[str]:
    """Our program knows the command and each option, and takes their values; the names of the commands."""
    assert words[:2] == ["TIMER_URL=http://localhost", "timer-service"]
    command: click.Command = main
    rest, names = words[2:], []
    while isinstance(command, click.Group):
        names.append(rest[0])
        found = command.get_command(click.Context(command), rest[0])
        assert found is not None, rest
        command, rest = found, rest[1:]
    with command.make_context(names[-1], rest):
        return names


@pytest.mark.parametrize("status", ScheduleStatus)
def test_each_action_of_a_schedule_stands_there_as_a_call_that_does_it(
    http: FlaskClient, bench: Bench, status: ScheduleStatus
) -> None:
    put(bench, "it.s~odd", **({"ends_at": bench.now + 1} if status is ScheduleStatus.ENDED else {}))
    if status is ScheduleStatus.PAUSED:
        bench.schedules.pause("it.s~odd", "", "")
    pass_time(bench, HOUR)
    found = lines(http.get("/ui/schedules/it.s~odd").text)
    of_status = {ScheduleStatus.ACTIVE: ["pause"], ScheduleStatus.PAUSED: ["resume"], ScheduleStatus.ENDED: []}
    assert [check_ours(it) for it in found[1::2]] == [
        ["schedule", name] for name in ("show", "runs", "fire", *of_status[status], "delete")
    ]
    made = [it.id for it in runs(bench, "it.s~odd")]
    answers = [curled(http, it) for it in found[::2]]
    assert [it.status_code for it in answers] == [200, 200, 201, *[200 for _ in of_status[status]], 204]
    assert [it["id"] for it in answers[1].get_json()["data"]] == made
    with pytest.raises(UnknownSchedule):
        bench.schedules.get("it.s~odd")


def test_whoever_may_only_read_is_given_no_call_that_changes(bench: Bench) -> None:
    put(bench)
    page = signed_in(bench, "read").get("/ui/schedules/report").text
    assert [it[-2:] for it in lines(page)[1::2]] == [["show", "report"], ["runs", "report"]]
    assert " -X " not in page
    assert "Bearer $TIMER_API_KEY" in html.unescape(page)


def test_a_list_and_a_preview_are_calls_that_answer_the_same(http: FlaskClient, bench: Bench) -> None:
    put(bench, tags=("nightly",))
    put(bench, "other")
    query = "tag=nightly&status=active&cron=30+2+*+*+*&time_zone=Europe/Berlin&gap=skip&count=3&from=2027-03-26T00:00"
    page = http.get(f"/ui/schedules?{query}").text
    found = lines(page)
    assert [check_ours(it) for it in found[1::2]] == [["schedule", "list"], ["schedule", "preview"]]
    listed, previewed = (curled(http, it).get_json() for it in found[::2])
    assert [it["name"] for it in listed["data"]] == ["report"]
    told = re.findall(r'data-l="UTC"><time datetime="([^"]+)"', page)
    assert [it["utc"] for it in previewed["moments"]] == told
    assert len(told) == 3


@pytest.mark.parametrize("given", [GIVEN, ALL], ids=["little", "all"])
def test_a_form_is_a_call_that_sets_the_same_schedule(http: FlaskClient, bench: Bench, given: dict[str, str]) -> None:
    curl, ours = lines(send(http, do="preview", **given).text)
    assert check_ours(ours) == ["schedule", "set"]
    assert curled(http, curl).status_code == 201
    by_call = bench.schedules.get("report").draft
    bench.schedules.delete("report", "keep")
    assert send(http, **given).status_code == 303
    by_form = bench.schedules.get("report").draft
    assert by_call == by_form


def test_a_changed_form_is_a_call_that_changes_the_same(http: FlaskClient, bench: Bench) -> None:
    put(bench, cron="0 9 * * *")
    path = "/ui/set-schedule?name=report"
    assert "The same from a terminal" not in http.get(path).text
    (curl,) = lines(send(http, path, do="preview", cron="0 10 * * *", headers="x-a: 1").text)
    assert curled(http, curl).status_code == 200
    found = bench.schedules.get("report").draft
    assert (found.plan.cron, found.webhook.headers) == ("0 10 * * *", {"x-a": "1"})


def test_what_cannot_be_set_yet_is_no_call(http: FlaskClient) -> None:
    for missing in ({"name": ""}, {"url": ""}, {"body": "{"}):
        assert "The same from a terminal" not in send(http, do="preview", **{**GIVEN, **missing}).text


@pytest.mark.parametrize("value", ["a b; rm -rf /", "$(id)", "`id`", "' || id #", '"', "\\", "-n", "\n", "‮"])
def test_each_value_is_one_word(value: str) -> None:
    timer = {"url": value, "body": value, "headers": {"x-a": value}, "tags": [value]}
    shell = Terminal("http://127.0.0.1:8000", needs_key=False)
    curl, ours = map(shlex.split, set_commands(shell, value, {"cron": value, "timer": timer}))
    assert ours[:5] == ["timer-service", "schedule", "set", value, value]
    assert ours[-4:] == ["--tag", value, "--cron", value]
    assert len(curl) == 9
