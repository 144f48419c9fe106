"""A module of Celery's tasks, moved by one line: a real service calls it in a real web server."""

from __future__ import annotations

import importlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType
from unittest.mock import patch

import pytest

from tests.bench.processes import Up, accepts, free_port, wait_until
from tests.bench.receiver import HELD_UP, SECRET
from tests.tasks.celery_module import AFTER, BEFORE, MODULE
from timer_service.client import Conflict, TimerClient
from timer_service.tasks import Tasks
from timer_service.tasks.celery import AsyncResult, TaskRevokedError, TimeoutError, registry

#: Seconds for a task and its retries, on a machine of any speed.
LONG = HELD_UP * 20


class Web:
    """The web application of the shop: gunicorn, which serves the tasks and nothing else."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder = folder
        self.runs = folder / "runs"
        self.runs.mkdir()
        self.port = free_port()
        self.environ = {
            **os.environ,
            "RUNS": str(self.runs),
            "TIMER_URL": url,
            "TIMER_TASKS_URL": f"http://127.0.0.1:{self.port}/tasks",
            "TIMER_SIGNING_SECRETS": SECRET,
        }
        self.start()

    def start(self) -> None:
        options = ["--bind", f"127.0.0.1:{self.port}", "--threads", "4", "--timeout", "320"]
        with (self.folder / "web.log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "gunicorn", *options, "web:application"],
                cwd=self.folder,
                env=self.environ,
                stdout=log,
                stderr=subprocess.STDOUT,
                process_group=0,
            )
        wait_until(lambda: accepts(self.port), 20, "the web application")

    def kill(self) -> None:
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def ran(self, name: str) -> int:
        """How often a function was run, over all processes."""
        return len(list(self.runs.glob(f"{name}-*")))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The code of the shop: the module that has moved, and what serves it."""
    found = tmp_path_factory.mktemp("shop")
    assert MODULE.count("celery") == 1
    (found / "moved_mail.py").write_text(MODULE.replace(BEFORE, AFTER))
    (found / "web.py").write_text(
        "import moved_mail\nfrom timer_service.tasks.celery import tasks\n\napplication = tasks().wsgi_app\n"
    )
    return found


@pytest.fixture(scope="module")
def web(folder: Path) -> Iterator[Web]:
    # A lease that no machine is too busy to renew: how often a function was run is counted.
    service = Up(folder / "up", TIMER_LEASE="120")
    try:
        it = Web(folder, service.url())
        try:
            yield it
        finally:
            it.kill()
    finally:
        service.stop()


@pytest.fixture(scope="module")
def mail(web: Web, folder: Path) -> Iterator[ModuleType]:
    """The same module where tasks are sent from, as in a view or a shell."""
    tasks = Tasks(web.environ["TIMER_URL"], web.environ["TIMER_TASKS_URL"], SECRET)
    with patch.multiple(registry, _declared={}, _tasks=None), patch.object(sys, "path", [str(folder), *sys.path]):
        registry.use(tasks)
        yield importlib.import_module("moved_mail")
    sys.modules.pop("moved_mail", None)
    tasks.client.close()


def test_a_task_is_run_and_its_result_comes_back(mail: ModuleType) -> None:
    result = mail.add.delay(2, 3)
    assert result.get(timeout=LONG) == 5
    assert (result.state, result.status, result.ready(), result.successful()) == ("SUCCESS", "SUCCESS", True, True)
    assert (result.failed(), result.result, result.info, result.traceback) == (False, 5, 5, None)
    assert result.date_done is not None
    assert (result.retries, str(result), repr(result)) == (0, result.id, f"<AsyncResult: {result.id}>")
    assert AsyncResult(result.id).get(timeout=LONG) == 5
    assert mail.add.AsyncResult(result.task_id) == result == result.id
    assert len({result, AsyncResult(result.id)}) == 1


def test_a_task_that_calls_retry_is_run_again_under_its_id_until_it_returns(mail: ModuleType, web: Web) -> None:
    result = mail.send_mail.apply_async(("a@example.com",), {"subject": "Hi"}, task_id="mail-17")
    assert result.get(timeout=LONG) == {"address": "a@example.com", "subject": "Hi", "retries": 2, "id": "mail-17"}
    assert (web.ran("send_mail"), result.retries) == (3, 2)
    assert AsyncResult("mail-17").state == "SUCCESS"


def test_autoretry_runs_a_task_again_after_its_backoff(mail: ModuleType, web: Web) -> None:
    assert mail.fetch_mail.delay("inbox").get(timeout=LONG) == "inbox"
    assert web.ran("fetch_mail") == 3


def test_a_task_that_is_out_of_retries_raises_its_own_exception_where_the_result_is_asked_for(
    mail: ModuleType, web: Web
) -> None:
    result = mail.never_sent.delay("b@example.com")
    with pytest.raises(mail.MailServerAway, match=r"b@example\.com"):
        result.get(timeout=LONG)
    assert (result.state, result.failed(), web.ran("never_sent")) == ("FAILURE", True, 2)
    assert isinstance(result.get(propagate=False), mail.MailServerAway)
    assert isinstance(result.result, mail.MailServerAway)


def test_a_task_that_raises_is_run_once_and_has_failed(mail: ModuleType, web: Web) -> None:
    result = mail.broken.delay()
    with pytest.raises(KeyError, match="missing"):
        result.get(timeout=LONG)
    assert web.ran("broken") == 1


def test_a_task_waits_for_its_countdown_and_can_be_revoked_till_then(mail: ModuleType) -> None:
    result = mail.add.apply_async((1, 1), countdown=3600)
    assert (result.state, result.ready(), result.result) == ("PENDING", False, None)
    with pytest.raises(TimeoutError):
        result.get(timeout=0.1)
    result.revoke()
    result.revoke()
    assert (result.state, result.ready()) == ("REVOKED", True)
    with pytest.raises(TaskRevokedError):
        result.get(timeout=LONG)


def test_a_task_of_a_naive_eta_of_the_past_is_run_at_once(mail: ModuleType) -> None:
    naive = (datetime.now(UTC) - timedelta(minutes=5)).replace(tzinfo=None)
    assert mail.add.apply_async((2, 2), eta=naive).get(timeout=LONG) == 4


def test_a_task_that_would_be_retried_after_it_has_expired_is_revoked(mail: ModuleType) -> None:
    result = mail.much_later.apply_async(expires=3600)
    with pytest.raises(TaskRevokedError):
        result.get(timeout=LONG)
    assert result.state == "REVOKED"


def test_a_task_that_waits_for_its_retry_says_so(mail: ModuleType) -> None:
    result = mail.much_later.delay()
    wait_until(lambda: result.state == "RETRY", 20, "a retry")
    assert not result.ready()
    result.revoke()
    assert result.state == "REVOKED"


def test_a_result_that_is_ignored_is_none_and_its_state_is_told_all_the_same(mail: ModuleType) -> None:
    result = mail.forgotten.delay()
    assert result.get() is None
    wait_until(lambda: result.state == "SUCCESS", 20, "the end of a task whose result is ignored")


def test_the_options_of_a_task_are_those_of_its_timer(mail: ModuleType, web: Web) -> None:
    result = mail.clean_up.apply_async(countdown=3600)
    with TimerClient(web.environ["TIMER_URL"]) as client:
        timer = client.get(result.id)
    assert (timer.tags, timer.priority, timer.timeout) == (("queue:slow",), 90, timedelta(seconds=60))
    assert timer.body == {"task": "mail.clean", "args": [], "kwargs": {}, "v": 1}
    result.revoke()


def test_an_id_that_no_task_has_is_pending_and_asking_for_its_result_says_so(mail: ModuleType) -> None:
    for unknown in ("0" * 22, "no-such-order"):
        assert AsyncResult(unknown).state == "PENDING"
        with pytest.raises(LookupError, match="there is no task"):
            AsyncResult(unknown).get(timeout=LONG)
    AsyncResult("no-such-order").revoke()


def test_a_web_application_that_is_away_uses_up_no_retry(mail: ModuleType, web: Web) -> None:
    web.kill()
    result = mail.add.delay(4, 4)
    with TimerClient(web.environ["TIMER_URL"]) as client:
        wait_until(lambda: client.attempts(result.id), 20, "an attempt that nobody answers")
        web.start()
        with suppress(Conflict):  # it is sent just now
            client.fire(result.id)  # a machine that has started it slowly would wait as long once more
    assert result.get(timeout=LONG) == 8
    assert result.retries == 0


def test_a_task_that_is_planned_is_run_by_its_schedule(mail: ModuleType, web: Web) -> None:
    registry.tasks().every("30d", name="adding", args=[5, 6])(mail.add)
    registry.tasks().sync()
    with TimerClient(web.environ["TIMER_URL"]) as client:
        assert AsyncResult(client.fire_schedule("adding").id).get(timeout=LONG) == 11
