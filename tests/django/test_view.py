"""The view, called as the service calls it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.handlers.wsgi import WSGIHandler
from django.db import connection
from django.test import AsyncClient, Client, RequestFactory, override_settings

from tests.bench.receiver import SECRET
from tests.django import project
from tests.django.project import OPTIONS, payload, signals, signed
from tests.django.shop import tasks as shop
from timer_service.tasks import answers
from timer_service.tasks.django.view import run_task

URL = "/timer-tasks/"


@pytest.fixture
def http() -> Client:
    return Client(enforce_csrf_checks=True)


def called(http: Client, task: str, *args: Any, attempt: int = 1, **kwargs: Any) -> Any:
    return http.post(URL, **signed(payload(task, *args, **kwargs), attempt=attempt))


def test_a_task_is_run_and_what_it_returns_is_the_answer(http: Client) -> None:
    answer = called(http, "add", 2, other=3)
    assert (answer.status_code, answer.content, answer.headers["content-type"]) == (200, b"5", "application/json")


def test_a_coroutine_is_waited_for(http: Client) -> None:
    assert called(http, "later", [1, {"a": None}]).json() == [1, {"a": None}]


def test_a_task_may_know_its_result_and_how_often_it_was_called(http: Client) -> None:
    answer = called(http, "told", 7, attempt=3).json()
    assert answer == {"id": "0UjUGzXbEciYP34tRou4st", "attempt": 3, "status": "RUNNING", "more": [7]}


def test_what_the_header_says_of_attempts_takes_little_memory(http: Client) -> None:
    """The header is not signed."""
    assert called(http, "told", attempt=999_999_999).json()["attempt"] == 1000


def test_a_task_may_know_its_webhook_id(http: Client) -> None:
    assert called(http, "webhook_id").json() == "0UjUGzXbEciYP34tRou4st"


def test_every_answer_speaks_of_its_timer_alone(http: Client) -> None:
    """Else one task that fails would stop all others: see Destinations."""
    for name in ("add", "raises", "asks", "nothing"):
        assert called(http, name, "x").headers["timer-scope"] == "timer"
    assert http.post(URL, b"", content_type="text/plain").headers["timer-scope"] == "timer"


@pytest.mark.parametrize("task", ["add", "later"])
def test_a_task_is_run_under_asgi_too(task: str) -> None:
    """Also a coroutine, which runs in the loop of the server."""

    async def answered() -> Any:
        return await AsyncClient().post(URL, **signed(payload(task, 7)))

    answer = asyncio.run(answered())
    assert (answer.status_code, answer.content) == (200, b"7")


# Who may call.


@pytest.mark.parametrize("change", ["body", "secret", "signature", "timestamp", "headers"])
def test_nothing_of_a_body_is_read_that_is_not_signed(
    change: str, http: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Red with a view that reads the body first."""
    monkeypatch.setattr("timer_service.tasks.django.payload.read", lambda raw: pytest.fail("it was read"))
    request = signed(
        payload("add", 2, 3),
        secret="whsec_b3RoZXJvdGhlcm90aGVyb3RoZXJvdGhlcg==" if change == "secret" else SECRET,
    )
    if change == "body":
        request["data"] += b" "
    elif change == "headers":
        request["headers"] = {}
    elif change == "timestamp":
        request["headers"]["webhook-timestamp"] = "1000000000"
    elif change == "signature":
        request["headers"]["webhook-signature"] = "v1,ééé"
    assert http.post(URL, **request).status_code == 401


def test_without_a_secret_nobody_may_call(http: Client) -> None:
    with project.options(TIMER_SIGNING_SECRETS=""):
        assert called(http, "add", 2).status_code == 401


def test_of_several_secrets_any_may_have_signed(http: Client) -> None:
    with project.options(TIMER_SIGNING_SECRETS=f"whsec_b3RoZXJvdGhlcm90aGVyb3RoZXJvdGhlcg==,{SECRET}"):
        assert called(http, "add", 2).status_code == 200


def test_a_secret_of_one_backend_calls_no_task_of_another(http: Client) -> None:
    other = {**OPTIONS, "TIMER_SIGNING_SECRETS": "whsec_b3RoZXJvdGhlcm90aGVyb3RoZXJvdGhlcg=="}
    both = {
        "default": {"BACKEND": project.BACKEND, "OPTIONS": OPTIONS},
        "other": {"BACKEND": project.BACKEND, "OPTIONS": other},
        "missing": {"BACKEND": "does.not.exist"},
        "dummy": {"BACKEND": f"{project.TASKS}.backends.dummy.DummyBackend"},
    }
    body = payload("add", 2)
    with override_settings(TASKS=both):
        for alias, secret, status in [
            ("default", OPTIONS["TIMER_SIGNING_SECRETS"], 200),
            ("other", other["TIMER_SIGNING_SECRETS"], 200),
            ("other", OPTIONS["TIMER_SIGNING_SECRETS"], 503),
            ("default", other["TIMER_SIGNING_SECRETS"], 503),
            ("dummy", OPTIONS["TIMER_SIGNING_SECRETS"], 503),
            ("missing", OPTIONS["TIMER_SIGNING_SECRETS"], 503),
            ("nobody", OPTIONS["TIMER_SIGNING_SECRETS"], 503),
        ]:
            body["django"]["backend"] = alias
            assert http.post(URL, **signed(body, secret=secret)).status_code == status, (alias, status)


@pytest.mark.parametrize("method", ["get", "put", "delete", "head", "options", "patch"])
def test_tasks_are_called_by_post_alone(method: str, http: Client) -> None:
    answer = getattr(http, method)(URL)
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


@pytest.mark.parametrize("length", ["", "-1", "x", "٣", "9" * 5000])
def test_a_length_that_is_none_is_no_defect_of_ours(length: str, http: Client) -> None:
    assert http.post(URL, **signed(payload("add", 2)), CONTENT_LENGTH=length).status_code in (400, 401, 413)


def test_a_body_that_no_timer_can_hold_is_not_read(http: Client) -> None:
    assert http.post(URL, **signed(b"x" * 262_145)).status_code == 413


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"\xff",
        b"[]",
        b"null",
        b"[" * 100_000,
        {"v": 1, "task": "tests.django.shop.tasks.add", "args": [1], "kwargs": {}},
        {**payload("add", 2), "django": []},
        {**payload("add", 2), "django": {}},
        {**payload("add", 2), "django": {**payload("add")["django"], "priority": True}},
        {**payload("add", 2), "django": {**payload("add")["django"], "run_after": 5}},
        {**payload("add", 2), "django": {**payload("add")["django"], "enqueued_at": "soon"}},
    ],
)
def test_what_is_signed_and_no_task_ends_at_once(body: Any, http: Client) -> None:
    """489: it would be no task the next time either."""
    assert http.post(URL, **signed(body)).status_code == 489


def test_a_body_of_a_later_version_waits_for_a_deploy(http: Client, caplog: pytest.LogCaptureFixture) -> None:
    answer = http.post(URL, **signed({**payload("add", 2), "v": 2}))
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert "a task cannot be run here now: the body is of version 2" in caplog.text


@pytest.mark.parametrize("name", ["nothing", "not_a_task", "alias", "__name__", "seen", ""])
def test_a_task_that_is_not_here_waits_for_a_deploy(name: str, http: Client) -> None:
    answer = called(http, name)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")


def test_a_queue_that_is_not_here_waits_for_a_deploy(http: Client) -> None:
    body = payload("add", 2)
    body["django"]["queue"] = "nobody's"
    assert http.post(URL, **signed(body)).status_code == 503


# How tasks end.


def test_an_exception_ends_the_task_at_once_with_its_class_and_traceback(http: Client) -> None:
    answer = called(http, "raises", "é\n\"'")
    assert answer.status_code == 489
    told = answer.json()
    assert (told["class"], told["message"]) == ("builtins.ValueError", "é\n\"'")
    assert told["traceback"].startswith("Traceback (most recent call last):\n")
    assert told["traceback"].endswith("ValueError: é\n\"'\n")


@pytest.mark.parametrize("message", ["x" * 100_000, "\n" * 100_000, "\\" * 9000, "é" * 9000, "🙂" * 9000])
def test_an_error_is_never_more_than_the_service_keeps_and_has_the_end_of_its_traceback(
    message: str, http: Client
) -> None:
    answer = called(http, "raises", message)
    assert answers.stored_bytes(answer.content.decode()) <= answers.KEPT_BYTES
    assert answer.json()["traceback"]


def test_an_exception_that_cannot_be_printed_is_told_all_the_same(http: Client) -> None:
    assert called(http, "unprintable").json()["message"] == "(its message cannot be read)"


@pytest.mark.parametrize(("attempt", "status"), [(1, 500), (2, 500), (3, 489)])
def test_exceptions_are_tried_again_as_often_as_the_options_say(attempt: int, status: int, http: Client) -> None:
    with project.options(retry_exceptions=2):
        assert called(http, "raises", attempt=attempt).status_code == status


def test_a_task_may_ask_to_be_called_again_or_never_again(http: Client) -> None:
    answer = called(http, "asks", "retry")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "7")
    with project.options(retry_exceptions=9):
        assert called(http, "asks", "reject").status_code == 489


@pytest.mark.parametrize(("how", "levels"), [("retry", ["INFO"]), ("reject", [])])
def test_what_a_task_asks_for_is_told_to_no_admin(
    how: str, levels: list[str], http: Client, caplog: pytest.LogCaptureFixture
) -> None:
    """Django logs each answer of 500 and more once more, as `django.request`, and by default mails it to ADMINS."""
    caplog.set_level("INFO")
    called(http, "asks", how)
    assert not [record for record in caplog.records if record.name == "django.request"]
    ours = [record for record in caplog.records if record.name == "timer_service.tasks"]
    assert [record.levelname for record in ours] == levels
    assert not any(record.exc_info for record in ours)


def test_a_server_that_is_told_to_stop_ends_no_task_for_good(http: Client) -> None:
    """gunicorn raises SystemExit in whatever runs."""
    answer = called(http, "leaves")
    assert (answer.status_code, answer.json()["class"]) == (500, "builtins.SystemExit")


def test_an_interrupt_of_the_keyboard_goes_through(http: Client) -> None:
    with pytest.raises(KeyboardInterrupt):
        called(http, "interrupted")


@pytest.mark.parametrize(("kind", "error"), [("object", "TypeError"), ("nan", "ValueError")])
def test_a_result_that_json_has_no_form_for_is_an_error(kind: str, error: str, http: Client) -> None:
    answer = called(http, "returns", kind)
    assert (answer.status_code, answer.json()["class"]) == (489, f"builtins.{error}")


@pytest.mark.parametrize(("kind", "value"), [("bytes", "é"), ("tuple", [1, 2])])
def test_a_result_is_made_json_as_django_says(kind: str, value: Any, http: Client) -> None:
    assert called(http, "returns", kind).json() == value


def test_a_result_that_is_not_kept_whole_has_ended_well_all_the_same(http: Client) -> None:
    answer = called(http, "returns", "big")
    assert answer.status_code == 200
    assert answers.read_too_large(answer.content.decode()) == 9002


def test_arguments_that_do_not_fit_any_more_are_an_error(http: Client) -> None:
    answer = called(http, "add", 1, 2, 3)
    assert (answer.status_code, answer.json()["class"]) == (489, "builtins.TypeError")


# Signals.


@pytest.fixture
def told() -> Iterator[list[tuple[str, str, Any]]]:
    found: list[tuple[str, str, Any]] = []

    def started(sender: Any, task_result: Any, **_: Any) -> None:
        found.append(("started", str(task_result.status), sender))

    def finished(sender: Any, task_result: Any, **_: Any) -> None:
        assert task_result.finished_at >= task_result.started_at >= task_result.enqueued_at
        found.append(("finished", str(task_result.status), sender))

    signals.task_started.connect(started)
    signals.task_finished.connect(finished)
    yield found
    signals.task_started.disconnect(started)
    signals.task_finished.disconnect(finished)


@pytest.mark.parametrize(("task", "status"), [("add", "SUCCESSFUL"), ("raises", "FAILED")])
def test_signals_tell_when_a_task_starts_and_how_it_has_ended(
    task: str, status: str, http: Client, told: list[Any]
) -> None:
    called(http, task, 1)
    sender = type(project.backend())
    assert told == [("started", "RUNNING", sender), ("finished", status, sender)]


def test_a_task_that_is_called_again_has_not_finished(http: Client, told: list[Any]) -> None:
    called(http, "asks", "retry")
    assert [it[0] for it in told] == ["started"]


@pytest.mark.parametrize(("attempt", "kinds"), [(2, ["started"]), (3, ["started", "finished"])])
def test_the_last_attempt_finishes_a_task_where_the_options_say_how_many_there_are(
    attempt: int, kinds: list[str], http: Client, told: list[Any]
) -> None:
    with project.options(max_attempts=3):
        called(http, "asks", "retry", attempt=attempt)
    assert [it[0] for it in told] == kinds


def test_a_receiver_of_signals_that_raises_has_no_task_called_again(http: Client) -> None:
    """Red with send(), which Django's own backends use: the task has ended, and its answer would be a 500."""

    def broken(**_: Any) -> None:
        raise RuntimeError

    signals.task_finished.connect(broken)
    try:
        assert called(http, "add", 1).status_code == 200
    finally:
        signals.task_finished.disconnect(broken)


# Databases.


@pytest.fixture
def database(tmp_path: Any) -> Iterator[None]:
    connection.settings_dict["NAME"] = str(tmp_path / "shop.sqlite")
    shop.seen.clear()
    yield
    connection.close()
    connection.settings_dict["ATOMIC_REQUESTS"] = False


def through_the_handler(task: str) -> int:
    """As a WSGI server calls, with all that Django does around a request; its test client keeps connections open."""
    request = RequestFactory().post(URL, **signed(payload(task)))
    statuses: list[str] = []
    response: Any = WSGIHandler()(request.environ, lambda status, headers: statuses.append(status))
    list(response)
    response.close()
    return int(statuses[0].split()[0])


@pytest.mark.usefixtures("database")
def test_each_task_has_a_connection_of_its_own_and_leaves_none_open() -> None:
    assert [through_the_handler("queries") for _ in range(2)] == [200, 200]
    assert shop.seen == [True, True]
    assert connection.connection is None


@pytest.mark.usefixtures("database")
def test_a_broken_connection_breaks_one_task_alone() -> None:
    assert through_the_handler("breaks_the_connection") == 489
    assert through_the_handler("queries") == 200


@pytest.mark.usefixtures("database")
def test_a_task_is_in_no_transaction_that_it_has_not_begun() -> None:
    """Red without _EveryDatabase: what a task has written before it raises would be committed, or not, as a whole."""
    connection.settings_dict["ATOMIC_REQUESTS"] = True
    request = RequestFactory().post(URL, **signed(payload("queries")))
    response = WSGIHandler().get_response(request)
    assert response.content == b"0"


def test_the_view_asks_for_no_login() -> None:
    assert run_task.login_required is False
    assert json.loads(Client().post(URL, **signed(payload("add", 1))).content) == 1
