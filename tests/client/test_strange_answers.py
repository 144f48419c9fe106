"""Whatever answers, a call ends as it says or with an error of the tree; nothing that was done is lost from sight.

Tried: JSON of every other kind, cut, too deep, with wrong types in each field, without each field; HTML with 200 and
502; moments without a zone, lengths beyond what Python holds; answers to a call that should have none; moments that
are none in UTC or in the local zone; stdout that is full, closed, or a pipe that nobody reads.
"""

from __future__ import annotations

import json
import os
import subprocess
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from tests.bench.processes import COMMAND, Service
from tests.client.test_retries import TIMER, Call, answer, answering, problem
from timer_service.client import TimerClient, TimerServiceError, Unavailable
from timer_service.terminal.tables import local

#: A test of each of the two clients.
both = pytest.mark.usefixtures("both")

CALLS: dict[str, Call] = {
    "create": lambda client: client.create("http://receiver/", delay=1),
    "create_many": lambda client: client.create_many([{"url": "http://receiver/", "delay": 1}]),
    "get": lambda client: client.get("00abc"),
    "get_by_key": lambda client: client.get_by_key("k"),
    "attempts": lambda client: client.attempts("00abc"),
    "page": lambda client: client.page(),
    "list": lambda client: list(client.list()),
    "update": lambda client: client.update("00abc", timeout=1),
    "put": lambda client: client.put("k", "http://receiver/", delay=1),
    "cancel": lambda client: client.cancel("00abc"),
    "cancel_by_key": lambda client: client.cancel_by_key("k"),
    "fire": lambda client: client.fire("00abc"),
    "replay": lambda client: client.replay("00abc"),
    "cancel_many": lambda client: client.cancel_many(tag="t"),
    "schedule": lambda client: client.schedule("a"),
    "set_schedule": lambda client: client.set_schedule("a", cron="@daily", timer={"url": "http://h/"}),
    "schedules": lambda client: list(client.schedules()),
    "delete_schedule": lambda client: client.delete_schedule("a"),
    "preview_schedule": lambda client: client.preview_schedule(cron="@daily"),
    "fire_schedule": lambda client: client.fire_schedule("a"),
    "stats": lambda client: client.stats(),
    "minutes": lambda client: client.minutes(),
    "forecast": lambda client: client.forecast(),
    "failures": lambda client: client.failures(),
    "pollers": lambda client: client.pollers(),
    "store": lambda client: client.store(),
    "ready": lambda client: client.ready(),
}
VALUES: list[Any] = [
    [],
    [[]],
    {},
    1,
    True,
    "text",
    {"data": 1},
    {"results": [1]},
    {"results": [{"status": []}]},
    [TIMER],
]
RAW = {
    "cut": json.dumps(TIMER).encode()[:40],
    "deep": b"[" * 100_000,
    "html": b"<!doctype html><title>Sign in</title>",
    "no text": b"\xff\xfe\x00",
    "null": b"null",
    "digits": b"9" * 5000,
}


def raw(status: int, body: bytes) -> bytes:
    return b"HTTP/1.1 %d X\r\nContent-Length: %d\r\n\r\n%s" % (status, len(body), body)


@both
@pytest.mark.parametrize("name", CALLS)
def test_an_answer_of_another_form_is_an_error_of_the_tree(name: str) -> None:
    bodies = [*(json.dumps(value).encode() for value in VALUES), *RAW.values()]
    if name in ("cancel", "cancel_by_key", "delete_schedule"):
        bodies.remove(RAW["null"])
    with answering(*(raw(200, body) for body in bodies)) as (client, service):
        for body in bodies:
            with pytest.raises(TimerServiceError) as caught:
                CALLS[name](client)
            assert caught.value.status == 200, body
            assert "\n" not in str(caught.value)
    assert len(service.requests) == len(bodies), "such an answer is not asked for again"


@both
@pytest.mark.parametrize("wrong", [None, [], {}, "x", 1.5, True, -1e300], ids=repr)
def test_a_field_of_another_type_is_an_error_of_the_tree(wrong: Any) -> None:
    """Or is what the client takes for it: it never hands on what it would say is something else."""
    names = [name for name in TIMER if name != "a_field_of_tomorrow"]
    answers = [{**TIMER, name: wrong} for name in names]
    answers += [{other: value for other, value in TIMER.items() if other != name} for name in names]
    kinds = {"id": str, "status": str, "attempts": int, "headers": dict, "due_at": datetime, "time_left": timedelta}
    with answering(*(answer(200, each) for each in answers)) as (client, _):
        for _ in answers:
            try:
                timer = client.get("00abc")
            except TimerServiceError:
                continue
            assert all(isinstance(getattr(timer, name), kind) for name, kind in kinds.items())
            assert not isinstance(timer.attempts, bool)


@both
def test_moments_and_lengths_beyond_what_python_holds_are_errors_of_the_tree() -> None:
    wrong: list[dict[str, Any]] = [
        {"due_at": "2026-01-01T00:00:00"},
        {"due_at": "99999-01-01T00:00:00Z"},
        {"time_left": 1e300},
        {"timeout": 10**400},
        {"last_attempt": {"number": 1, "outcome": "retryable", "lateness_ms": 1e300}},
        {"last_attempt": {"number": "1"}},
        {"last_attempt": [1]},
        {"body_base64": "?"},
        {"body_base64": 1},
        {"tags": [1]},
    ]
    with answering(*(answer(200, {**TIMER, **each}) for each in wrong)) as (client, _):
        for each in wrong:
            with pytest.raises(TimerServiceError):
                print(client.get("00abc"), each)


@both
def test_what_a_proxy_says_in_html_is_unavailable_and_its_strange_members_are_nothing() -> None:
    with answering(raw(502, RAW["html"]), raw(502, RAW["deep"]), retries=0) as (client, _):
        for _ in range(2):
            with pytest.raises(Unavailable):
                client.get("00abc")
    strange = problem(409, timer_id=[1], timer_status={}, errors=[1, {"pointer": 1}], instance=5, warnings=7)
    with answering(strange) as (client, _), pytest.raises(TimerServiceError) as caught:
        client.get("00abc")
    assert (caught.value.timer_id, caught.value.timer_status, caught.value.request_id) == (None, None, None)
    with answering(problem(503, warnings=7)) as (client, _):
        assert not client.ready()


@pytest.mark.parametrize(
    "moment",
    [
        datetime(9999, 12, 31, 23, 59, tzinfo=timezone(-timedelta(hours=12))),
        datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=14))),
        datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
        datetime(1, 1, 1, tzinfo=UTC),
    ],
)
def test_a_moment_at_the_edge_of_the_calendar_is_sent_and_judged_by_the_service(
    client: TimerClient, moment: datetime
) -> None:
    for call in (lambda: client.create("http://127.0.0.1:2/", due_at=moment), lambda: client.page(due_after=moment)):
        try:
            call()
        except TimerServiceError as error:
            refused = [it.pointer for it in error.errors]
        else:
            refused = []
        assert refused in ([], ["/due_at"], ["/due_after"])


def test_a_moment_that_the_local_zone_does_not_have_is_shown_in_its_own() -> None:
    moments = [datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC), datetime(1, 1, 1, tzinfo=UTC)]
    code = "import time, sys; from datetime import *; from timer_service.terminal.tables import local\n"
    code += "for text in sys.argv[1:]: print(local(datetime.fromisoformat(text)))"
    for zone in ("UTC+12", "UTC-14"):
        command = [os.path.join(os.path.dirname(COMMAND), "python"), "-c", code, *(it.isoformat() for it in moments)]
        done = subprocess.run(command, env={**os.environ, "TZ": zone}, capture_output=True, text=True, check=True)
        assert len(done.stdout.splitlines()) == 2
    assert local(None) == "-"


@pytest.mark.parametrize(("stdout", "output"), [("full", "table"), ("closed", "id"), ("unread", "json")])
def test_the_id_of_a_timer_that_was_set_is_told_on_stderr_where_stdout_takes_nothing(
    service: Service, client: TimerClient, stdout: str, output: str
) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    command = f"{COMMAND} timer set 1h http://127.0.0.1:2/ -o {output} --url {service.url}"
    command += {"full": " > /dev/full", "closed": " >&-", "unread": f" >&{writer}"}[stdout]
    done = subprocess.run(["bash", "-c", command], stderr=subprocess.PIPE, text=True, pass_fds=[writer])
    os.close(writer)
    (line,) = done.stderr.splitlines()
    assert done.returncode == 1
    (timer_id,) = [word for word in line.replace('"', " ").replace(",", " ").split() if len(word) == 22]
    assert client.get(timer_id).status == "scheduled"


@pytest.mark.parametrize(
    "words",
    [
        "timer list",
        "timer count",
        "stats",
        "failures",
        "pollers -o id",
        "minutes -o json",
        "timer cancel {id} -o json",
        "timer cancel --status scheduled --dry-run",
        "timer cancel --status scheduled --dry-run -o id",
        "key new me",
        "secret new",
        "--version",
        "completion bash",
    ],
)
def test_output_that_cannot_be_written_is_one_line_and_an_exit_code(
    service: Service, client: TimerClient, words: str
) -> None:
    timer_id = client.create("http://127.0.0.1:2/", delay=3600).id
    command = f"{COMMAND} {words.format(id=timer_id)} > /dev/full"
    environ = {**os.environ, "TIMER_URL": service.url}
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, env=environ)
    assert (done.returncode, len(done.stderr.splitlines())) == (1, 1), done.stderr
    assert "No space left" in done.stderr
    assert "whsec_" not in done.stderr


@both
def test_the_answer_of_tomorrow_is_read_today() -> None:
    attempt = {"number": 1, "outcome": "odd", "x": 1}
    later = {**TIMER, "status": "paused", "held": {"by": "rate"}, "last_attempt": attempt}
    with answering(answer(200, later)) as (client, _):
        assert client.get("00abc").raw["status"] == "paused"
