"""The whole way: a function is set, a real service calls it, and what became of it comes back."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

import pytest
import requests

from tests.bench.processes import Service, wait_until
from tests.bench.receiver import HELD_UP, SECRET
from timer_service.client import Conflict, Invalid
from timer_service.tasks import (
    Again,
    Handle,
    Reject,
    ResultTooLarge,
    Retry,
    Task,
    TaskCancelled,
    TaskFailed,
    TaskNotFound,
    Tasks,
    current,
)

#: Seconds that end a wait for a result.
LONG = HELD_UP * 20


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _Quiet(WSGIRequestHandler):
    def log_message(self, *_: object) -> None: ...


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    it = Service(tmp_path_factory.mktemp("tasks"))
    it.api()
    it.poller(TIMER_LEASE="120")  # no machine is too busy to renew it: how often a function was called is counted
    yield it
    it.remove()


@pytest.fixture
def tasks(running: Service) -> Iterator[Tasks]:
    """Served by a WSGI server in this process."""
    server = _Server(("127.0.0.1", 0), _Quiet)
    it = Tasks(running.url, f"http://127.0.0.1:{server.server_port}/tasks", SECRET)
    server.set_app(it.wsgi_app)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield it
    server.shutdown()
    server.server_close()
    thread.join()
    it.client.close()


@pytest.fixture
def add(tasks: Tasks) -> Task[[int, int], int]:
    def add(a: int, b: int) -> int:
        return a + b

    return tasks.task(name="add")(add)


def test_a_result_comes_back(add: Task[[int, int], int]) -> None:
    assert add.delay(2, 3).get(timeout=LONG) == 5


def test_a_result_of_none_is_none(tasks: Tasks) -> None:
    assert tasks.task(name="none")(lambda: None).delay().get(timeout=LONG) is None


def test_delay_is_one_request(add: Task[[int, int], int], monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    send = requests.Session.send

    def counted(self: requests.Session, request: requests.PreparedRequest, **options: Any) -> requests.Response:
        asked.append(f"{request.method} {request.path_url}")
        return send(self, request, **options)

    monkeypatch.setattr(requests.Session, "send", counted)
    add.delay(2, 3)
    assert asked == ["POST /timers"]


def test_every_option_is_one_that_the_service_takes(add: Task[[int, int], int], tasks: Tasks) -> None:
    every = tasks.task(
        name="every",
        max_attempts=3,
        backoff=[1, 5],
        timeout=timedelta(seconds=60),
        max_occurrences=2,
        delivery="at_least_once",
        priority=5,
        tags=["shop"],
        metadata={"team": "a"},
        on_failed="http://127.0.0.1:9999/failed",
        on_delivered={"url": "http://127.0.0.1:9999/delivered"},
    )(lambda: 1)
    eta = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=1)
    handle = every.apply_async(
        eta=eta, expires=eta + timedelta(hours=1), priority=30, retries=5, key="every:1", tags=["now"]
    )
    it = handle.timer()
    assert (it.due_at, it.expires_at, it.priority, it.max_attempts) == (eta, eta + timedelta(hours=1), 30, 6)
    assert (it.key, it.tags, it.backoff, it.timeout) == ("every:1", ("shop", "now"), [1, 5], timedelta(seconds=60))
    assert it.body == {"task": "every", "args": [], "kwargs": {}, "v": 1}
    assert handle.status() == "scheduled"
    with pytest.raises(Conflict) as taken:
        every.apply_async(key="every:1")
    assert taken.value.timer_id == handle.id
    handle.reschedule(countdown=5400)
    assert handle.timer().due_at > eta
    assert handle.revoke()
    with pytest.raises(TaskCancelled):
        handle.get(timeout=LONG)
    with pytest.raises(Conflict):
        handle.reschedule(countdown=1)


def test_seconds_until_it_expires_are_kept_beside_a_countdown(add: Task[[int, int], int]) -> None:
    it = add.apply_async((2, 3), countdown=3600, expires=3660).timer()
    assert it.max_lateness == timedelta(seconds=60)
    with pytest.raises(Invalid, match="tags"):
        add.apply_async((2, 3), tags=[str(it) for it in range(11)])


def test_a_call_that_is_made_again_under_its_idempotency_key_is_one(add: Task[[int, int], int]) -> None:
    options: Any = {"countdown": 3600, "expires": 7200, "idempotency_key": "once"}
    first, second = (add.apply_async((2, 3), **options) for _ in range(2))
    assert first == second


def test_a_task_that_has_run_is_not_revoked(add: Task[[int, int], int]) -> None:
    handle = add.delay(2, 3)
    handle.get(timeout=LONG)
    assert not handle.revoke()


def test_an_exception_comes_back_once_no_attempt_is_left(tasks: Tasks) -> None:
    def fails() -> None:
        raise ValueError(f"no, {current().attempt}")

    handle = tasks.task(name="fails", backoff=[0.1])(fails).apply_async(retries=1)
    with pytest.raises(TaskFailed) as raised:
        handle.get(timeout=LONG)
    assert raised.value.exception_class == "builtins.ValueError"
    assert (raised.value.exception_message, raised.value.reason) == ("no, 2", "attempts-exhausted")


def test_retry_is_called_again_and_not_before_it_asked(tasks: Tasks) -> None:
    def third() -> list[Any]:
        it = current()
        if it.attempt == 1:
            raise Retry("not yet", after=1)
        return [it.attempt, it.redelivery]

    handle = tasks.task(name="third", backoff=[0.1])(third).delay()
    assert handle.get(timeout=LONG) == [2, "retry"]
    (first,) = [it for it in tasks.client.attempts(handle.id) if it.number == 1]
    (second,) = [it for it in tasks.client.attempts(handle.id) if it.number == 2]
    assert first.started_at is not None
    assert second.started_at is not None
    assert second.started_at - first.started_at >= timedelta(seconds=1)


def test_reject_fails_at_once(tasks: Tasks) -> None:
    def rejects() -> None:
        raise Reject("never")

    with pytest.raises(TaskFailed, match=r"Reject: never \(permanent\)"):
        tasks.task(name="rejects")(rejects).delay().get(timeout=LONG)


def test_again_acts_as_often_as_it_may_and_then_fails(tasks: Tasks) -> None:
    seen: list[tuple[int, str]] = []

    def polls(done: int) -> str:
        it = current()
        seen.append((it.occurrence, it.webhook_id))
        if it.occurrence < done:
            raise Again(in_=1)
        return "done"

    task = tasks.task(name="polls", max_occurrences=2)(polls)
    handle = task.delay(2)
    assert handle.get(timeout=LONG) == "done"
    assert seen == [(1, handle.id), (2, f"{handle.id}-2")]
    with pytest.raises(TaskFailed, match=r"it may act 2 times: see max_occurrences \(permanent\)"):
        task.delay(3).get(timeout=LONG)


@pytest.mark.parametrize("value", ["x" * 100_000, '"' * 1100, ["ä"] * 2000])
def test_a_result_that_is_too_large_is_told_with_its_size(tasks: Tasks, value: Any) -> None:
    with pytest.raises(ResultTooLarge) as raised:
        tasks.task(name="large")(lambda: value).delay().get(timeout=LONG)
    assert raised.value.size is not None
    assert raised.value.size > 2000


def test_the_largest_result_that_is_kept_comes_back(tasks: Tasks) -> None:
    value = "x" * 4092
    assert tasks.task(name="large")(lambda: value).delay().get(timeout=LONG) == value


def test_a_task_that_this_process_does_not_know_runs_once_it_does(tasks: Tasks, running: Service) -> None:
    other = Tasks(running.url, tasks.tasks_url, SECRET)
    handle = other.task(name="new", backoff=[0.1])(lambda: 1).delay()
    wait_until(lambda: tasks.client.attempts(handle.id), LONG, "an attempt that has ended")
    tasks.task(name="new")(lambda: 2)
    assert handle.get(timeout=LONG) == 2
    assert tasks.client.attempts(handle.id)[0].status_code == 503
    other.client.close()


@pytest.mark.parametrize("id", ["A" * 22, "unknown", "a/b"])
def test_an_id_that_nobody_knows_is_told(tasks: Tasks, id: str) -> None:
    with pytest.raises(TaskNotFound):
        Handle(id, tasks).get(timeout=LONG)


def test_plans_are_set_left_alone_and_deleted(tasks: Tasks) -> None:
    @tasks.every("0 9 * * MON-FRI", name="report", time_zone="Europe/Berlin", overlap="skip", max_lateness="1h")
    @tasks.task(name="report", max_attempts=3, tags=["shop"])
    def report() -> str:
        return "told"

    tasks.every(3600, name="tidy", kwargs={})(report)
    for _ in range(2):
        found = {it.name: it for it in tasks.sync(prune=True)}
        assert found.keys() == {"report", "tidy"}
    assert found["report"].cron == "0 9 * * MON-FRI"
    assert (found["tidy"].every, found["report"].timer["max_attempts"]) == ("1h", 3)
    run = tasks.client.fire_schedule("report")
    assert tasks.handle(run.id).get(timeout=LONG) == "told"
    tasks.client.set_schedule("of-others", every="1h", timer={"url": tasks.tasks_url})
    del tasks._planned["tidy"]
    tasks.sync()
    assert tasks.client.schedule("tidy").name == "tidy"
    tasks.sync(prune=True)
    assert {it.name for it in tasks.client.schedules()} == {"report", "of-others"}
    tasks.client.delete_schedule("of-others")
    tasks.client.delete_schedule("report")
