"""The examples with real servers before a real service: what they promise, also where a process is killed in midst."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.bench.pages import README, ROOT, examples
from tests.bench.processes import START, Part, Up, accepts, free_port, wait_until
from tests.bench.receiver import HELD_UP, SECRET
from timer_service.tasks import Task, Tasks

#: Seconds that a result may take, a lost lease included.
LONG = 40


class Web(Part):
    """A web server with one of the examples."""

    def __init__(self, kind: str, service: str, folder: Path, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        environ = {"TIMER_URL": service, "TIMER_TASKS_URL": f"{self.url}{PATHS[kind]}"}
        log = folder / f"web-{port}.log"
        super().__init__(*COMMANDS[kind](str(port)), log=log, command=(sys.executable, "-m"), **environ)
        wait_until(lambda: self.process.poll() is not None or accepts(port), START, f"a web server: {kind}")
        assert self.process.poll() is None, self.output()

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])


COMMANDS: Mapping[str, Callable[[str], list[str]]] = {
    "flask": lambda port: [
        *("gunicorn", "--chdir", str(ROOT), "--bind", f"127.0.0.1:{port}"),
        *("--threads", "8", "--no-control-socket", "tests.tasks.slow_flask:app"),
    ],
    "fastapi": lambda port: ["uvicorn", "--app-dir", str(ROOT), "--port", port, "tests.tasks.slow_fastapi:app"],
}
PATHS = {"flask": "/tasks", "fastapi": "/tasks/"}


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    up = Up(tmp_path_factory.mktemp("tasks") / "up")
    up.url()
    yield up
    up.kill()


@pytest.fixture(params=sorted(COMMANDS))
def web(request: pytest.FixtureRequest, service: Up, tmp_path: Path) -> Iterator[Web]:
    started = [Web(request.param, service.url(), tmp_path, free_port())]

    def again() -> Web:
        started.append(Web(request.param, service.url(), tmp_path, started[0].port))
        return started[-1]

    started[0].again = again  # type: ignore[attr-defined]
    yield started[0]
    for it in started:
        it.kill()


@pytest.fixture
def tasks(web: Web, request: pytest.FixtureRequest, service: Up) -> Iterator[Tasks]:
    """Those of the web application, as another process sees them."""
    kind = request.node.callspec.params["web"]
    it = Tasks(service.url(), f"{web.url}{PATHS[kind]}", SECRET)
    yield it
    it.client.close()


@pytest.fixture
def slow_add(tasks: Tasks) -> Task[[int, int, str], int]:
    def add(a: int, b: int, mark: str) -> int:
        raise AssertionError("it runs elsewhere")

    # As often as it takes a busy machine to start a web server.
    return tasks.task(name="slow_add", backoff=[1], max_attempts=100)(add)


def result(web: Web, id: str) -> Any:
    def look() -> Any:
        return requests.get(f"{web.url}/sums/{id}", timeout=HELD_UP * START).json()["result"]

    return wait_until(look, LONG, "a result")


def test_two_and_three_are_five(web: Web) -> None:
    answer = requests.post(f"{web.url}/sums", json={"a": 2, "b": 3}, timeout=HELD_UP * START)
    assert answer.status_code == 202
    assert result(web, answer.json()["id"]) == 5


@pytest.mark.parametrize("id", ["A" * 22, "unknown", "a%2Fb"])
def test_an_id_that_nobody_knows_is_404(web: Web, id: str) -> None:
    assert requests.get(f"{web.url}/sums/{id}", timeout=HELD_UP * START).status_code == 404


def test_what_is_not_signed_is_refused(web: Web, tasks: Tasks) -> None:
    answer = requests.post(tasks.tasks_url, json={"task": "slow_add"}, timeout=HELD_UP * START)
    assert (answer.status_code, answer.headers["timer-scope"]) == (401, "timer")
    chunks = requests.post(tasks.tasks_url, data=iter([b"a", b"b"]), timeout=HELD_UP * START)
    assert chunks.status_code == 401


def test_a_web_server_that_is_killed_in_the_midst_of_a_task_costs_no_result(
    web: Any, slow_add: Task[[int, int, str], int], tmp_path: Path
) -> None:
    mark = tmp_path / "began"
    handle = slow_add.delay(2, 3, str(mark))
    wait_until(mark.exists, LONG, "a task under way")
    web.kill()
    assert handle.status() in ("delivering", "scheduled")
    web.again()
    assert handle.get(timeout=HELD_UP * LONG) == 5
    assert handle.timer().raw["last_attempt"]["redelivery"] == "retry"


def test_a_poller_that_is_killed_in_the_midst_of_a_task_costs_no_result(
    service: Up, slow_add: Task[[int, int, str], int], tmp_path: Path
) -> None:
    mark = tmp_path / "began"
    handle = slow_add.delay(2, 3, str(mark))
    wait_until(mark.exists, LONG, "a task under way")
    (poller,) = (pid for pid, words in service.children().items() if "poller" in words)
    os.kill(poller, signal.SIGKILL)
    assert handle.get(timeout=HELD_UP * LONG) == 5
    assert handle.timer().raw["last_attempt"]["redelivery"] == "lease-expired"


def test_hello_world_as_the_readme_has_it(service: Up, tmp_path: Path) -> None:
    (text,) = [it.text for it in examples(README) if "tasks.wsgi_app" in it.text]
    (tmp_path / "hello.py").write_text(text)
    port = free_port()
    environ = {"TIMER_URL": service.url(), "TIMER_TASKS_URL": f"http://127.0.0.1:{port}/"}
    words = ["gunicorn", "--chdir", str(tmp_path), "--bind", f"127.0.0.1:{port}", "--threads", "4", "hello:app"]
    web = Part(*words, "--no-control-socket", log=tmp_path / "web.log", command=(sys.executable, "-m"), **environ)
    try:
        wait_until(lambda: accepts(port), START, "a web server")
        done = subprocess.run(
            [sys.executable, "-c", "from hello import add; print(add.delay(2, 3).get(timeout=100))"],
            cwd=tmp_path,
            env={**os.environ, **environ, "TIMER_SIGNING_SECRETS": SECRET},
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.stdout, done.stderr) == ("5\n", "")
    finally:
        web.kill()


@pytest.mark.parametrize("name", ["flask_app.py", "fastapi_app.py"])
def test_an_example_is_short(name: str) -> None:
    assert len((ROOT / "examples" / name).read_text().splitlines()) < 40
