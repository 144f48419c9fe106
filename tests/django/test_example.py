"""examples/django_app.py as a stranger runs it: gunicorn, and a timer service beside, also where both are killed."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.bench.pages import ROOT
from tests.bench.processes import Part, Service, Up, accepts, free_port, wait_until
from tests.django.project import TASKS

EXAMPLE = ROOT / "examples/django_app.py"
GUNICORN = str(Path(sys.executable).with_name("gunicorn"))
#: Beside the task of the example one that begins, and goes on once a file is there.
SLOW = """

@task
def slow(one: int, other: int) -> int:
    import pathlib, time
    with open("begun", "a") as file:
        print(file=file, flush=True)
    while not pathlib.Path("go").exists():
        time.sleep(0.05)
    return one + other

def enqueue_slow(request, one, other):
    return JsonResponse({"id": slow.enqueue(one, other).id})

def slow_result(request, id):
    found = slow.get_result(id)
    return JsonResponse({"status": found.status, "value": found.return_value if found.is_finished else None})

urlpatterns += [path("slow/<int:one>/<int:other>", enqueue_slow), path("slow-results/<id>", slow_result)]
"""


class Web:
    """The example under gunicorn, in a folder of its own."""

    def __init__(self, folder: Path, service_url: str, more: str = "") -> None:
        self.folder = folder
        self.port = free_port()
        self.url = f"http://localhost:{self.port}"
        text = EXAMPLE.read_text().replace("from django.tasks", f"from {TASKS}")
        (folder / "django_app.py").write_text(text + more)
        self._environ = {"TIMER_URL": service_url, "TIMER_TASKS_URL": f"{self.url}/timer-tasks/", "HOME": str(folder)}
        self.parts: list[Part] = []
        self.start()

    def start(self) -> None:
        words = ("django_app:application", "-b", f"127.0.0.1:{self.port}", "--threads", "4", "--timeout", "300")
        log = self.folder / f"web-{len(self.parts)}.log"
        part = Part(*words, "--chdir", str(self.folder), log=log, command=(GUNICORN,), **self._environ)
        self.parts.append(part)
        wait_until(lambda: self._serves() or part.process.poll() is not None, 20, "the example")
        assert part.process.poll() is None, part.output()

    def _serves(self) -> bool:
        try:
            return requests.get(f"{self.url}/results/none", timeout=60).status_code == 404
        except requests.ConnectionError:
            return False

    def get(self, path: str) -> Any:
        answer = requests.get(f"{self.url}{path}", timeout=120)
        assert answer.status_code == 200, (answer.text, self.parts[-1].output())
        return answer.json()

    def result(self, id: str, seconds: float = 30, of: str = "results") -> Any:
        def ended() -> Any:
            found = self.get(f"/{of}/{id}")
            return found if found["status"] in ("SUCCESSFUL", "FAILED") else None

        return wait_until(ended, seconds, f"the result of {id}")

    def begun(self) -> int:
        """How often the slow task has."""
        file = self.folder / "begun"
        return len(file.read_text()) if file.exists() else 0

    def go(self) -> None:
        (self.folder / "go").touch()

    def kill(self) -> None:
        for part in self.parts:
            part.kill()
        # Its workers may end after it.
        wait_until(lambda: not accepts(self.port), 20, "that nobody listens any more")


@pytest.fixture
def web(tmp_path: Path) -> Iterator[Callable[..., Web]]:
    started: list[Web] = []

    def start(service_url: str, more: str = "") -> Web:
        started.append(Web(tmp_path, service_url, more))
        return started[-1]

    yield start
    for it in started:
        it.kill()


@pytest.fixture
def up(tmp_path: Path) -> Iterator[Up]:
    it = Up(tmp_path / "up")
    yield it
    it.stop()


def test_the_example_is_short_enough_to_be_read() -> None:
    assert len(EXAMPLE.read_text().splitlines()) < 40


def test_the_example_adds_two_numbers_later(up: Up, web: Callable[..., Web]) -> None:
    it = web(up.url())
    assert it.result(it.get("/add/2/3")["id"]) == {"status": "SUCCESSFUL", "value": 5}


def test_a_result_that_is_unknown_is_not_found(up: Up, web: Callable[..., Web]) -> None:
    it = web(up.url())
    for id in ("0UjUGzXbEciYP34tRou4st", "123", "%2e%2e"):
        assert requests.get(f"{it.url}/results/{id}", timeout=60).status_code == 404


def test_nobody_else_can_call_its_tasks(up: Up, web: Callable[..., Web]) -> None:
    it = web(up.url())
    assert requests.post(f"{it.url}/timer-tasks/", json={"task": "django_app.add"}, timeout=60).status_code == 401


def test_a_task_outlives_a_web_server_that_is_killed_while_it_runs(service: Service, web: Callable[..., Web]) -> None:
    service.api()
    service.poller()
    it = web(service.url, SLOW)
    id = it.get("/slow/2/3")["id"]
    wait_until(lambda: it.begun() == 1, 30, "that it runs")
    it.kill()
    it.start()
    it.go()
    assert it.result(id, 60, "slow-results") == {"status": "SUCCESSFUL", "value": 5}
    assert it.begun() == 2


def test_a_task_outlives_a_poller_that_is_killed_while_it_runs(service: Service, web: Callable[..., Web]) -> None:
    service.api()
    poller = service.poller()
    it = web(service.url, SLOW)
    id = it.get("/slow/2/3")["id"]
    wait_until(lambda: it.begun() == 1, 30, "that it runs")
    poller.kill()
    service.poller()
    it.go()
    assert it.result(id, 60, "slow-results") == {"status": "SUCCESSFUL", "value": 5}
    assert it.begun() == 2
