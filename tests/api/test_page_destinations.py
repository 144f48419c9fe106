"""The views of destinations without a browser: what they tell, what each form does, and what is refused."""

from __future__ import annotations

import html
import logging
import re
from collections.abc import Mapping
from dataclasses import replace

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from scheduler import BreakerMode, DestinationSettings, DestinationState, Rate, Status
from scheduler.destinations import Break, Rule
from scheduler.store.record import tag_of
from scheduler.store.rule_record import state_fields
from scheduler.store.rules import Rules
from tests.api.page_schedules import signed_in
from tests.api.test_page_schedule_commands import check_ours, curled, lines
from tests.bench.store import Bench
from tests.bench.visitor import Visitor, sentences
from tests.store.test_destinations import seen

ID = "https:api.example.com:443"
URL = "https://api.example.com/hook"
VIEW = f"/ui/destinations/{ID}"
LIMITS = {"requests": "", "per": "1s", "burst": "", "concurrency": "", "breaker": "auto"}
SECOND = 1000


def wait_there(bench: Bench, timers: int = 1, url: str = URL) -> list[str]:
    """Due timers of a destination that is held, which a poller has found to be so."""
    ids = [bench.schedule(url=url).id for _ in range(timers)]
    for _ in range(bench.partitions):
        bench.claims.claim(timers + 9)
    return ids


def break_it(bench: Bench, because: str) -> None:
    """As a poller does that has seen attempts fail."""

    def broken(rule: Rule) -> dict[str, str | int]:
        return {"id": ID, **state_fields(replace(rule, broken=Break(rule.read_at, because, rule.read_at + 5000)))}

    Rules(bench.link).change(tag_of(ID), broken)


def read(http: FlaskClient, path: str = VIEW) -> str:
    answer = http.get(path)
    assert answer.status_code == 200, sentences(answer)
    return sentences(answer)


def do(http: FlaskClient, what: str, **fields: str) -> TestResponse:
    return Visitor(http).post(VIEW, {"do": what, **fields})


def limit(http: FlaskClient, version: str = "0", **fields: str) -> TestResponse:
    return do(http, "limit", **{**LIMITS, "version": version, **fields})


def cells(http: FlaskClient, path: str = "/ui/destinations") -> list[str]:
    """Each row of the list, as it is read aloud."""
    body = http.get(path).text
    return [
        " ".join(html.unescape(re.sub(r"<[^>]*>", " ", it)).split())
        for it in re.findall(r"<tr data-live.*?</tr>", body, re.DOTALL)
    ]


def test_the_list_tells_what_is_held_first_and_why(http: FlaskClient, bench: Bench) -> None:
    seen(bench, "http://busy/", 200, 2, "timeout")
    seen(bench, URL, 10)
    bench.destinations.pause(ID, "migration, ticket 8812", "ana", until=bench.now + 3600 * SECOND)
    bench.destinations.put("http:slow:80", DestinationSettings(Rate(10), concurrency=4))
    wait_there(bench, 3)
    rows = sorted(cells(http)[:2], key=lambda it: "slow" in it)
    assert rows[0].startswith(
        f"{ID} paused by ana : migration, ticket 8812 since 00:00:00 UTC goes on in 1 h 3 0 ms 10 none"
    )
    assert rows[1] == "http:slow:80 limited at most 10 a second, 4 at once none none"
    assert cells(http)[2] == "http:busy:80 flowing none 200 2, 1 % 10 ms"
    assert "2 destinations are held: 1 paused, 1 limited by a rate." in read(http, "/ui/destinations")


@pytest.mark.parametrize(("state", "count"), [("paused", 1), ("limited", 1), ("flowing", 1), ("broken", 0), ("", 3)])
def test_a_tab_shows_those_of_its_state(http: FlaskClient, bench: Bench, state: str, count: int) -> None:
    seen(bench)
    bench.destinations.pause("http:a:80", "", "")
    bench.destinations.put("http:b:80", DestinationSettings(concurrency=1))
    path = f"/ui/destinations?state={state}"
    assert len(cells(http, path)) == count
    assert ("None is broken." in read(http, path)) is (count == 0)


def test_the_pages_of_a_list_tell_of_each_once(http: FlaskClient, bench: Bench) -> None:
    names = {f"http:h{number}:80" for number in range(45)}
    for name in names:
        bench.destinations.pause(name, "", "")
    found: list[str] = []
    path = "/ui/destinations"
    while path:
        found += [it.split()[0] for it in cells(http, path)]
        following = re.search(r'href="([^"]*)" rel="next"', http.get(path).text)
        path = html.unescape(following[1]) if following else ""
    assert (len(found), set(found)) == (45, names)


@pytest.mark.parametrize("query", ["state=away", "cursor=nonsense", "cursor=aGVsZDouLi8uLg=="])
def test_a_list_that_cannot_be_is_refused_in_words(http: FlaskClient, query: str) -> None:
    answer = http.get(f"/ui/destinations?{query}")
    assert (answer.status_code, "Show all destinations." in sentences(answer)) == (422, True)


@pytest.mark.parametrize("text", [ID, URL, " HTTPS://API.example.com/x?y ", "https:api.example.com"])
def test_a_destination_is_opened_by_its_id_or_by_any_of_its_urls(http: FlaskClient, text: str) -> None:
    assert http.get("/ui/destinations", query_string={"one": text}).location == VIEW


@pytest.mark.parametrize(
    "text", ["x", "ftp://a/", "https:///", "https://a:0/", "javascript:alert(1)", "\x00", "http:" + "a" * 3000]
)
def test_what_is_no_destination_is_told_at_its_field_and_has_no_view(http: FlaskClient, text: str) -> None:
    answer = http.get("/ui/destinations", query_string={"one": text})
    assert (answer.status_code, "one-err" in answer.text) == (422, True)
    if "/" not in text:
        assert http.get(f"/ui/destinations/{text}").status_code == 404


def test_one_of_which_nothing_is_known_can_be_limited_before_anything_is_sent(http: FlaskClient, bench: Bench) -> None:
    assert "Flowing. What is due there is sent at once. No timer waits." in read(http)
    assert limit(http, requests="10", per="1m", burst="3", concurrency="4", breaker="off").status_code == 303
    assert bench.destinations.get(ID).settings == DestinationSettings(Rate(10, 60_000, 3), 4, BreakerMode.OFF)
    assert "Limited: at most 10 a minute, 4 at once." in read(http)
    version = bench.destinations.get(ID).version
    assert limit(http, version).status_code == 303
    assert bench.destinations.get(ID).settings == DestinationSettings()


@pytest.mark.parametrize(
    ("fields", "at"),
    [
        ({"requests": "0"}, "requests"),
        ({"requests": "ten"}, "requests"),
        ({"requests": "1e3"}, "requests"),
        ({"burst": "3"}, "requests"),
        ({"requests": "10", "per": "1 second"}, "per"),
        ({"requests": "10", "per": "10ms"}, "per"),
        ({"requests": "10", "per": "2d"}, "per"),
        ({"requests": "10", "burst": "-1"}, "burst"),
        ({"concurrency": "0"}, "concurrency"),
        ({"concurrency": "9" * 400}, "concurrency"),
        ({"breaker": "on"}, "breaker"),
    ],
)
def test_a_limit_that_makes_no_sense_is_told_at_its_field(
    http: FlaskClient, bench: Bench, fields: Mapping[str, str], at: str
) -> None:
    answer = limit(http, **fields)
    assert answer.status_code == 422
    assert re.findall(r'aria-describedby="([\w-]+)-err"', answer.text) == [at]
    for name, value in fields.items():
        assert name == "breaker" or f'name="{name}" value="{value}"' in answer.text
    assert bench.destinations.get(ID).settings == DestinationSettings()


def test_limits_that_somebody_else_has_changed_meanwhile_are_left_as_they_are(http: FlaskClient, bench: Bench) -> None:
    bench.destinations.put(ID, DestinationSettings(concurrency=7))
    answer = limit(http, requests="1")
    assert (answer.status_code, "It was changed after this page had been loaded." in sentences(answer)) == (412, True)
    assert bench.destinations.get(ID).settings == DestinationSettings(concurrency=7)


def test_pause_says_why_by_whom_and_until_when_and_resume_ends_it(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    visitor = signed_in(bench, "write")
    with caplog.at_level(logging.INFO):
        said = sentences(visitor.send(VIEW, {"do": "pause", "reason": "migration", "until": "2h"}))
    assert "It is paused: no attempt begins there from now on." in said
    assert "Paused: migration." in said
    assert "Paused since 2026-01-01 00:00 UTC by oncall, until 2026-01-01 02:00 UTC." in said
    (logged,) = [it for it in caplog.records if it.message == "done by a form of the page"]
    assert (_field(logged, "key"), _field(logged, "destination")) == ("oncall", ID)
    timers = wait_there(bench, 7)
    said = sentences(visitor.get(VIEW))
    assert "7 timers wait, the oldest for 0 ms; waiting uses up no attempt." in said
    assert sum(it in visitor.get(VIEW).text for it in timers) == 5
    assert "It goes on slowly" in sentences(visitor.send(VIEW, {"do": "resume"}))
    assert bench.destinations.get(ID).state is DestinationState.LIMITED
    assert "Limited: goes on slowly at first." in sentences(visitor.get(VIEW))


def _field(record: logging.LogRecord, name: str) -> object:
    return {**vars(record), **vars(record).get("fields", {})}.get(name)


def test_resume_at_full_speed_has_no_slow_start(http: FlaskClient, bench: Bench) -> None:
    bench.destinations.pause(ID, "", "")
    assert do(http, "resume-full").status_code == 303
    assert bench.destinations.get(ID).state is DestinationState.FLOWING


@pytest.mark.parametrize(
    ("fields", "at"),
    [({"reason": "x" * 501}, "reason"), ({"until": "soon"}, "until"), ({"until": "2020-01-01 00:00"}, "until")],
)
def test_a_pause_that_makes_no_sense_is_told_at_its_field(
    http: FlaskClient, bench: Bench, fields: dict[str, str], at: str
) -> None:
    answer = do(http, "pause", **fields)
    assert answer.status_code == 422
    assert re.findall(r'aria-describedby="([\w-]+)-err"', answer.text) == [at]
    assert bench.destinations.get(ID).state is DestinationState.FLOWING


@pytest.mark.parametrize("what", ["resume", "resume-full", "probe", "go-on"])
def test_what_is_not_so_any_more_is_refused_and_shown_as_it_stands(http: FlaskClient, what: str) -> None:
    answer = do(http, what)
    assert (answer.status_code, "any more. Nothing was done" in sentences(answer)) == (409, True)


@pytest.mark.parametrize("fields", [{}, {"do": "explode"}])
def test_a_form_that_says_nonsense_does_nothing(http: FlaskClient, fields: dict[str, str]) -> None:
    answer = Visitor(http).post(VIEW, fields)
    assert (answer.status_code, "Nothing was done" in sentences(answer)) == (422, True)


@pytest.mark.parametrize("headers", [{"Origin": "https://evil.example"}, {}])
def test_a_form_from_elsewhere_is_refused(http: FlaskClient, bench: Bench, headers: dict[str, str]) -> None:
    token = Visitor(http).token() if headers else "forged"
    sent = {"Origin": "http://localhost", **headers}
    answer = http.post(VIEW, data={"do": "pause", "token": token}, headers=sent)
    assert answer.status_code == 403
    assert bench.destinations.get(ID).state is DestinationState.FLOWING


def test_whoever_may_only_read_sees_no_form_that_changes(bench: Bench) -> None:
    bench.destinations.put(ID, DestinationSettings(Rate(10)))
    visitor = signed_in(bench, "read")
    for path in (VIEW, "/ui/destinations", "/ui"):
        assert re.findall(r'<form method="post" action="([^"]*)"', visitor.get(path).text) == ["/ui/sign-out"]
    assert "Limits at most 10 a second" in " ".join(re.sub(r"<[^>]*>", " ", visitor.get(VIEW).text).split())
    assert visitor.post(VIEW, {"do": "pause"}).status_code == 403
    assert [it[1:4] for it in lines(visitor.get(VIEW).text)[1::2]] == [
        ["timer-service", "destination", "show"],
        ["timer-service", "timer", "list"],
    ]


def test_each_action_stands_there_as_a_call_that_does_it(http: FlaskClient, bench: Bench) -> None:
    limit(http, requests="10", per="1m", burst="3", concurrency="4", breaker="off")
    found = lines(http.get(VIEW).text)
    assert [check_ours(it) for it in found[1::2]] == [
        *(["destination", "show"], ["timer", "list"], ["destination", "pause"], ["destination", "set"]),
        ["destination", "rotate-secret"],
    ]
    bench.destinations.put(ID, DestinationSettings())
    assert [curled(http, it).status_code for it in found[::2]] == [200, 200, 200, 200, 200]
    assert bench.destinations.get(ID).state is DestinationState.PAUSED
    assert bench.destinations.get(ID).settings == DestinationSettings(Rate(10, 60_000, 3), 4, BreakerMode.OFF)
    resume = lines(http.get(VIEW).text)[4:6]
    assert check_ours(resume[1]) == ["destination", "resume"]
    assert curled(http, resume[0]).status_code == 200
    assert bench.destinations.get(ID).pause is None
    listed = lines(http.get("/ui/destinations?state=limited").text)
    assert check_ours(listed[1]) == ["destination", "list"]
    assert [it["id"] for it in curled(http, listed[0]).get_json()["data"]] == [ID]


def test_a_reason_is_text_whatever_it_holds(http: FlaskClient, bench: Bench) -> None:
    bench.destinations.pause(ID, "<script>alert(1)</script> \u202egnp.exe \x1b[2J" + "y" * 400, "<b>ana</b>")
    (timer,) = wait_there(bench)
    for path in (VIEW, "/ui/destinations", "/ui", "/ui/timers", f"/ui/timers/{timer}"):
        body = http.get(path).text
        assert not re.search("<script>alert|<b>ana|\u202e|\x1b", body), path
        assert "&lt;script&gt;alert(1)&lt;/script&gt; \\u202egnp.exe \\u001b[2J" in body, path
        assert ("y" * 400 in body) is (path == VIEW), path


def test_each_timer_that_is_held_says_why_and_until_when(http: FlaskClient, bench: Bench) -> None:
    bench.destinations.pause(ID, "migration", "ana", until=bench.now + 3600 * SECOND)
    (timer,) = wait_there(bench)
    bench.advance(38 * SECOND)
    said = read(http, f"/ui/timers/{timer}")
    assert "Held: its destination is paused. Due since 38.0 s." in said
    assert f"Not yet, because {ID} is paused by ana: migration, until 01:00:00 UTC. Waiting uses up no attempt." in said
    assert f'href="{VIEW}"' in http.get(f"/ui/timers/{timer}").text
    listed = read(http, "/ui/timers")
    assert "held 38.0 s" in listed
    assert "Its destination is paused by ana: migration; expected in 59 min 22 s" in listed
    assert bench.timers.get(timer).status is Status.SCHEDULED


def test_now_names_what_is_held_and_a_click_resumes_it(bench: Bench) -> None:
    bench.destinations.pause(ID, "migration", "ana")
    wait_there(bench, 4)
    bench.advance(5 * SECOND)
    bench.poller("vm-1").claim(0)
    visitor = signed_in(bench, "write")
    said = sentences(visitor.get("/ui"))
    assert f"{ID} is paused by ana since 00:00:00 UTC; 4 timers wait." in said
    assert "Held by a pause4" in said
    assert "Late nownone" in said
    assert "Nothing is scheduled." in said, "what is held is not the next to be sent"
    (action,) = re.findall(r'action="(/ui/destinations/[^"]*)"', visitor.get("/ui").text)
    assert "It goes on at full speed." in sentences(visitor.send(action, {"do": "resume-full"}))


def test_one_that_fails_says_so_with_the_next_probe_and_a_click_sends_it_now(http: FlaskClient, bench: Bench) -> None:
    break_it(bench, "10 attempts in a row failed, the last one: timeout; probe 1 failed: 503")
    (timer,) = wait_there(bench)
    bench.advance(2 * SECOND)
    bench.poller("vm-1").claim(0)
    said = read(http)
    assert "Broken: 10 attempts in a row failed, the last one: no answer in time; probe 1 failed: answered 503." in said
    assert "nothing is sent there but a probe now and then, the next in 3.0 s. Once one is answered" in said
    assert "1 late, the oldest 2.0 s: https:api.example.com:443 fails." in read(http, "/ui")
    assert f"Not yet, because {ID} is left alone, for 10 attempts" in read(http, f"/ui/timers/{timer}")
    assert "; a probe is sent at 00:00:05 UTC." in read(http, f"/ui/timers/{timer}")
    assert do(http, "probe").status_code == 303
    assert bench.destinations.get(ID).next_at == bench.now
    assert do(http, "pause").status_code == 303
    assert "It failed before: a probe is sent first." in sentences(Visitor(http).send(VIEW, {"do": "resume"}))
