"""`timer-service receive`, under load and stopped: also as process 1 of a container, where no signal has a default."""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests

from tests.bench import needed
from tests.bench.processes import COMMAND, Part, alive, wait_until

LINE = re.compile(r"POST /[0-9]+  no timer  id=i attempt=None  x*")
AS_PROCESS_1 = ("unshare", "--pid", "--fork", "--mount-proc", "--kill-child")


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Part]]:
    started: list[Part] = []

    def one(*words: str, command: tuple[str, ...] = (COMMAND,), **environ: str) -> Part:
        started.append(Part(*words, log=tmp_path / f"{len(started)}.log", command=command, **environ))
        return started[-1]

    yield one
    for part in started:
        part.kill()


def address(part: Part) -> str:
    return str(wait_until(lambda: re.search(r"http://127\S+", part.output()), 20, "where it listens")[0])


def test_every_line_is_whole_however_many_arrive_at_once(start: Callable[..., Part]) -> None:
    part = start("receive", "--port", "0")
    url = address(part)

    def post(thread: int) -> None:
        with requests.Session() as session:
            for number in range(50):
                answer = session.post(f"{url}/{thread}", data="x" * number, timeout=30, headers={"webhook-id": "i"})
                assert answer.status_code == 200

    with ThreadPoolExecutor(16) as sixteen:
        list(sixteen.map(post, range(16)))
    lines = part.output().splitlines()[1:]
    assert len(lines) == 800
    assert [line for line in lines if not LINE.fullmatch(line)] == []


def test_it_stops_at_once_with_clients_that_stay(start: Callable[..., Part]) -> None:
    part = start("receive", "--port", "0")
    with requests.Session() as session:
        session.post(address(part), timeout=5)
        assert part.stop(2) == 0
    assert "Traceback" not in part.output()


@pytest.mark.elsewhere
@pytest.mark.parametrize("moment", ["while it starts", "once it runs"])
@pytest.mark.parametrize("words", [("receive", "--port", "0"), ("up", "--port", "0")], ids=["receive", "up"])
def test_as_process_1_a_stop_is_heard(
    start: Callable[..., Part], tmp_path: Path, words: tuple[str, ...], moment: str
) -> None:
    """Tried: the API and the pollers too, which hear it by gunicorn's and their own handlers."""
    if subprocess.run([*AS_PROCESS_1, "true"], capture_output=True, check=False).returncode:
        needed.missing("no process namespaces, which only root can make")
    part = start(*words, command=(*AS_PROCESS_1, COMMAND), TIMER_DATA_DIR=str(tmp_path / "data"))
    one = wait_until(lambda: next((pid for pid, line in part.children().items() if COMMAND in line), 0), 20, "it")
    if moment == "once it runs":
        wait_until(lambda: "http://127" in part.output(), 30, "where it listens")
    begun = time.monotonic()
    while alive(one):  # the kernel drops what comes before Python has begun
        subprocess.run(["kill", "-TERM", str(one)], stderr=subprocess.DEVNULL, check=False)
        assert time.monotonic() < begun + 30
        time.sleep(1.5 if words[0] == "up" else 0.05)
    assert "Traceback" not in part.output()
