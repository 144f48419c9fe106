"""What the tasks' address answers: signature first, then the task, its result or its exception."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from scheduler.poller import settlements
from tests.bench.receiver import SECRET
from tests.tasks.signed import ID, body, headers, served
from timer_service.tasks import Again, Answer, Context, Reject, Retry, Tasks, current
from timer_service.tasks.answers import KEPT_BYTES, stored_bytes

OTHER = "whsec_b3RoZXItc2VjcmV0LW90aGVyLXNlY3JldC1vdGhlci1zZWNyZXQ="


def said(answer: Answer) -> Any:
    return json.loads(answer.body)


def raising(tasks: Tasks, error: BaseException, **options: Any) -> None:
    def fails() -> None:
        raise error

    tasks.task(name="fails", **options)(fails)


@pytest.mark.parametrize("value", [None, 5, 0.5, "ä", [1, "a"], {"a": None}, True])
def test_the_result_is_the_answer(tasks: Tasks, value: Any) -> None:
    tasks.task(name="give")(lambda: value)
    answer = served(tasks, body("give"))
    assert (answer.status, said(answer)) == (200, value)
    assert dict(answer.headers) == {
        "content-type": "application/json",
        "content-length": str(len(answer.body)),
        "timer-scope": "timer",
    }


def test_a_coroutine_runs_too(tasks: Tasks) -> None:
    async def add(a: int, b: int) -> int:
        return a + b + current().attempt

    tasks.task(name="add")(add)
    assert said(served(tasks, body("add", 1, b=2))) == 4


@pytest.mark.parametrize(
    "wrong",
    [
        {"webhook-signature": ""},
        {"webhook-signature": "v1,AAAA"},
        {"webhook-id": "B" * 22},
        {"webhook-timestamp": "1"},
        {"webhook-timestamp": str(int(time.time()) + 3600)},
        headers(b"{}", OTHER),
        headers(b"other"),
    ],
)
def test_what_is_not_signed_is_refused_before_anything_of_it_is_read(
    tasks: Tasks, wrong: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("timer_service.tasks.body.read", lambda _: pytest.fail("parsed"))
    answer = tasks.serve("POST", {**headers(b"{}"), **wrong}, b"{}")
    assert (answer.status, dict(answer.headers)["timer-scope"]) == (401, "timer")
    assert said(answer)["message"].startswith(("webhook-", "there is no webhook-signature"))


def test_either_of_two_secrets_fits_and_header_names_may_be_of_any_case() -> None:
    tasks = Tasks("http://127.0.0.1:9", "http://127.0.0.1:9/tasks", f"{OTHER},{SECRET}")
    tasks.task(name="one")(lambda: 1)
    raw = body("one")
    for secret in (SECRET, OTHER):
        signed = {name.title(): value for name, value in headers(raw, secret).items()}
        assert tasks.serve("POST", signed, raw).status == 200


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS"])
def test_another_method_than_post_is_405(tasks: Tasks, method: str) -> None:
    answer = tasks.serve(method, headers(b""), b"")
    assert (answer.status, dict(answer.headers)["allow"]) == (405, "POST")
    assert (answer.body == b"") == (method == "HEAD")


def test_a_huge_body_is_413(tasks: Tasks) -> None:
    assert served(tasks, b" " * (256 * 1024 + 1)).status == 413


def test_an_unknown_task_is_tried_again_soon_for_a_deploy_may_bring_it(tasks: Tasks) -> None:
    answer = served(tasks, body("shop.new"))
    assert (answer.status, dict(answer.headers)["retry-after"]) == (503, "5")
    assert said(answer)["message"] == "there is no task 'shop.new' here"


def test_so_is_a_body_of_a_later_version(tasks: Tasks, caplog: pytest.LogCaptureFixture) -> None:
    answer = served(tasks, b'{"task":"a","args":[],"kwargs":{},"v":2,"more":1}')
    assert (answer.status, dict(answer.headers)["retry-after"]) == (503, "5")
    assert "a task cannot be run here now: the body is of version 2" in caplog.text


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b"[]",
        b"\xff",
        b'{"v":1}',
        b'{"v":"1","task":"a","args":[],"kwargs":{}}',
        b'{"v":1,"task":1,"args":[],"kwargs":{}}',
        b'{"v":1,"task":"a","args":{},"kwargs":{}}',
        b'{"v":1,"task":"a","args":[],"kwargs":[]}',
        b'{"v":1,"task":"a","args":[NaN],"kwargs":{}}',
        b"[" * 200_000,
        b'{"v":1,"task":"a","args":[' + b"1" * 5000 + b'],"kwargs":{}}',
    ],
)
def test_what_is_signed_but_no_task_is_never_tried_again(tasks: Tasks, raw: bytes) -> None:
    tasks.task(name="a")(lambda *_: 1)
    assert served(tasks, raw).status == 489


def test_arguments_of_other_code_than_runs_here_are_tried_again(tasks: Tasks) -> None:
    tasks.task(name="add")(lambda a, b: a + b)
    answer = served(tasks, body("add", 1))
    assert (answer.status, said(answer)["class"]) == (500, "builtins.TypeError")
    assert said(answer)["message"].startswith("add: missing a required argument: 'b'")


class OutOfStock(Exception):
    pass


def test_an_exception_is_500_with_class_and_message_and_its_traceback_is_logged_only(
    tasks: Tasks, caplog: pytest.LogCaptureFixture
) -> None:
    raising(tasks, OutOfStock("no 17 left"))
    with caplog.at_level(logging.ERROR, "timer_service.tasks"):
        answer = served(tasks, body("fails"), timer_attempt="3")
    assert answer.status == 500
    assert said(answer) == {"class": "tests.tasks.test_serving.OutOfStock", "message": "no 17 left"}
    (record,) = caplog.records
    assert record.getMessage() == f"task fails {ID}, attempt 3, failed"
    assert record.exc_info is not None
    assert b"Traceback" not in answer.body


@pytest.mark.parametrize("message", ["x" * 1_000_000, "😀\x00\ud800" * 10_000])
def test_a_long_or_strange_message_is_cut_so_that_it_is_kept_whole(
    tasks: Tasks, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What pytest keeps of the log goes to another process, which cannot be told of half a surrogate pair.
    monkeypatch.setattr(logging.getLogger("timer_service.tasks"), "propagate", False)
    raising(tasks, OutOfStock(message))
    answer = served(tasks, body("fails"))
    assert stored_bytes(answer.body.decode()) <= KEPT_BYTES
    assert message[0] in said(answer)["message"]


def test_an_exception_that_cannot_be_read_is_told_by_its_class(tasks: Tasks) -> None:
    class Worse(Exception):
        def __str__(self) -> str:
            raise OSError("no")

    raising(tasks, Worse())
    answer = served(tasks, body("fails"))
    assert (answer.status, said(answer)["message"]) == (500, "(its message cannot be read)")


@pytest.mark.parametrize(("said_why", "message"), [(None, "None"), (ValueError("full"), "full")])
def test_a_retry_may_be_given_anything_for_its_message(tasks: Tasks, said_why: Any, message: str) -> None:
    raising(tasks, Retry(said_why))
    answer = served(tasks, body("fails"))
    assert (answer.status, said(answer)["message"]) == (503, message)


def test_an_exception_without_a_repr_in_a_coroutine_spoils_nothing_for_the_next_one(tasks: Tasks) -> None:
    class Worse(Exception):
        def __repr__(self) -> str:
            raise OSError("no")

    async def fails() -> None:
        raise Worse("full")

    async def five() -> int:
        return 5

    tasks.task(name="fails")(fails)
    tasks.task(name="five")(five)
    assert said(served(tasks, body("fails")))["message"] == "full"
    assert said(served(tasks, body("five"))) == 5


@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt()])
def test_the_end_of_the_process_is_not_swallowed(tasks: Tasks, error: BaseException) -> None:
    raising(tasks, error)
    with pytest.raises(type(error)):
        served(tasks, body("fails"))


@pytest.mark.parametrize("error", [asyncio.CancelledError(), GeneratorExit(), BaseExceptionGroup("", [SystemExit()])])
def test_whatever_else_a_function_raises_is_answered(tasks: Tasks, error: BaseException) -> None:
    raising(tasks, error)
    assert served(tasks, body("fails")).status == 500


def test_a_coroutine_that_cancels_itself_has_failed(tasks: Tasks) -> None:
    async def fails() -> None:
        raise asyncio.CancelledError

    tasks.task(name="fails")(fails)
    answer = served(tasks, body("fails"))
    assert (answer.status, said(answer)["class"]) == (500, "builtins.RuntimeError")


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ((1, 2), "give: its result is of type tuple: only JSON's values go; give a list"),
        ({"at": datetime(2026, 1, 1)}, "give: its result['at'] is of type datetime.datetime"),
        (float("nan"), "give: its result is nan, which JSON has no form for"),
        (object(), "give: its result is of type object"),
        (b"x", "give: its result is of type bytes"),
    ],
)
def test_a_result_that_is_not_json_is_500_and_says_what_it_is(tasks: Tasks, value: Any, why: str) -> None:
    tasks.task(name="give")(lambda: value)
    answer = served(tasks, body("give"))
    assert answer.status == 500
    assert said(answer)["message"].startswith(why)


@pytest.mark.parametrize(
    ("after", "waits"), [(None, None), (60, "60"), (0.2, "1"), (timedelta(minutes=2), "120"), (0, "0")]
)
def test_retry_is_503_with_what_is_to_be_waited(tasks: Tasks, after: Any, waits: str | None) -> None:
    raising(tasks, Retry("not yet", after=after))
    answer = served(tasks, body("fails"))
    assert (answer.status, dict(answer.headers).get("retry-after")) == (503, waits)
    assert said(answer) == {"class": "timer_service.tasks.Retry", "message": "not yet"}


def test_retry_takes_an_exception_as_its_message(tasks: Tasks) -> None:
    raising(tasks, Retry(ConnectionError("away"), after=60))  # type: ignore[arg-type]
    answer = served(tasks, body("fails"))
    assert (answer.status, said(answer)["message"]) == (503, "away")


def test_reject_is_489(tasks: Tasks) -> None:
    raising(tasks, Reject("never"))
    answer = served(tasks, body("fails"))
    assert (answer.status, said(answer)["message"]) == (489, "never")


@pytest.mark.parametrize(
    ("again", "asked"),
    [
        (Again(in_=60), "60000ms"),
        (Again(in_=timedelta(seconds=1.5)), "1500ms"),
        (Again(at=datetime(2027, 1, 1, tzinfo=UTC)), "2027-01-01T00:00:00+00:00"),
    ],
)
def test_again_is_a_reschedule(tasks: Tasks, again: Again, asked: str) -> None:
    raising(tasks, again, max_occurrences=3)
    answer = served(tasks, body("fails"), timer_occurrence="2")
    assert (answer.status, dict(answer.headers)["timer-reschedule"], said(answer)) == (200, asked, None)


@pytest.mark.parametrize(("most", "occurrence"), [(1, "1"), (3, "3"), (3, "4")])
def test_again_where_none_is_left_fails_and_says_so(tasks: Tasks, most: int, occurrence: str) -> None:
    raising(tasks, Again(in_=60), max_occurrences=most)
    answer = served(tasks, body("fails"), timer_occurrence=occurrence)
    assert (answer.status, dict(answer.headers).get("timer-reschedule")) == (489, None)
    assert said(answer)["message"].endswith(f"but it may act {most} times: see max_occurrences")


@pytest.mark.parametrize("value", ["x" * 5000, '"' * 2100, "\x01" * 700, ["😀" * 20] * 100])
def test_a_result_that_is_not_kept_whole_is_told_with_its_size(tasks: Tasks, value: Any) -> None:
    tasks.task(name="give")(lambda: value)
    answer = served(tasks, body("give"))
    size = len(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode())
    assert answer.status == 200
    assert answer.body.startswith(b"result too large: %d bytes, of which these are the first: " % size)
    assert settlements._kept(answer.body) == answer.body.decode()


@pytest.mark.parametrize("value", ["x" * 4092, '"' * 1022, "\x01" * 584, "ä" * 2046, "😀" * 1023])
def test_what_the_service_keeps_whole_is_sent_whole(tasks: Tasks, value: str) -> None:
    tasks.task(name="give")(lambda more: value + value[0] * more)
    for more, kept in ((0, True), (7, False)):
        whole = json.dumps(value + value[0] * more, ensure_ascii=False)
        assert (settlements._kept(whole.encode()) == whole) is kept
        assert (served(tasks, body("give", more)).body.decode() == whole) is kept


def test_the_context_tells_of_the_attempt_and_only_while_it_runs(tasks: Tasks) -> None:
    found: list[Context] = []
    tasks.task(name="look", timeout=60)(lambda: found.append(current()))
    before = datetime.now(UTC)
    served(
        tasks,
        body("look"),
        timer_attempt="2",
        timer_lateness_ms="1500",
        timer_redelivery="retry",
        timer_occurrence="3",
        timer_due_at="2026-11-27T07:00:00.000Z",
        timer_schedule="daily",
    )
    (it,) = found
    assert (it.id, it.webhook_id, it.task, it.attempt, it.occurrence) == (ID, ID, "look", 2, 3)
    assert (it.lateness, it.redelivery, it.schedule) == (timedelta(seconds=1.5), "retry", "daily")
    assert it.due_at == datetime(2026, 11, 27, 7, tzinfo=UTC)
    assert it.deadline is not None
    assert before <= it.deadline - timedelta(seconds=60) <= datetime.now(UTC)
    with pytest.raises(LookupError, match="no task is running here"):
        current()


@pytest.mark.parametrize("text", ["", "-1", "²", "9" * 5000, "now"])
def test_strange_headers_break_no_context(tasks: Tasks, text: str) -> None:
    found: list[Context] = []
    tasks.task(name="look")(lambda: found.append(current()))
    strange = dict.fromkeys(("timer_attempt", "timer_occurrence", "timer_due_at", "timer_lateness_ms"), text)
    assert served(tasks, body("look"), **strange).status == 200
    assert (found[0].attempt, found[0].occurrence, found[0].due_at) == (1, 1, None)
    assert found[0].deadline is None


def test_a_body_can_be_served_without_a_signature_where_this_process_made_it(tasks: Tasks) -> None:
    tasks.task(name="add")(lambda a, b: a + b)
    assert said(tasks.serve_unsigned(body("add", 2, 3))) == 5
