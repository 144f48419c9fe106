"""The examples of README and docs/, as they stand but for the ports: all run, on one service and one receiver.

Those of one page and language run in their order and see what the earlier ones have made. A comment above those that
are not run says why not.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from scheduler import Signer
from tests.bench.pages import PAGES, README, ROOT, examples, page
from tests.bench.processes import COMMAND, Up
from tests.bench.receiver import SECRET, Receiver, receiving

Here = Callable[[str], str]


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    with receiving() as it:
        yield it


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    up = Up(tmp_path_factory.mktemp("pages") / "up")
    yield up.url()
    up.stop()


@pytest.fixture
def here(url: str, receiver: Receiver) -> Here:
    """The same text for the servers of this test."""

    def translate(text: str) -> str:
        text = re.sub(r"(localhost|127\.0\.0\.1):8000", url.removeprefix("http://"), text)
        return text.replace("localhost:9000", receiver.url.removeprefix("http://"))

    return translate


def texts(of: Path, language: str) -> list[str]:
    return [it.text for it in examples(of) if it.language == language and not it.not_run]


def having(language: str) -> pytest.MarkDecorator:
    pages = [of for of in PAGES if texts(of, language)]
    return pytest.mark.parametrize("of", pages, ids=lambda path: str(path.relative_to(ROOT)))


def run(script: str, url: str) -> str:
    environ = {**os.environ, "TIMER_URL": url, "PATH": f"{Path(COMMAND).parent}:{os.environ['PATH']}"}
    command = ["bash", "-euo", "pipefail"]
    done = subprocess.run(command, input=script, capture_output=True, text=True, timeout=60, check=False, env=environ)
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout


def test_the_first_call_of_the_readme_sets_a_timer_that_is_sent(url: str, here: Here, receiver: Receiver) -> None:
    call = re.search(r"\$ (curl -X POST localhost:8000/timer .*?}')", README.read_text(), re.DOTALL)
    assert call
    answer = json.loads(run(here(call[1]), url))
    assert (answer["time_left"], answer["status"]) == (5, "scheduled")
    run(f"timer-service timer fire {answer['id']}", url)
    assert any(hit.timer_id == answer["id"] for hit in receiver.wait_for(1, 10))


@having("bash")
def test_the_shell_examples_of_a_page_all_succeed(of: Path, url: str, here: Here) -> None:
    run(here("\n".join(texts(of, "bash"))), url)


@having("python")
def test_the_python_examples_of_a_page_run(of: Path, here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("URL", "http://localhost:8000"), ("TASKS_URL", "http://localhost:9000/tasks")):
        monkeypatch.setenv(f"TIMER_{name}", here(value))
    monkeypatch.setenv("TIMER_SIGNING_SECRETS", SECRET)
    found: dict[str, Any] = {"__name__": of.stem}
    for text in texts(of, "python"):
        exec(compile(here(text), str(of), "exec"), found)
    for opened in ("client", "tasks"):
        it: Any = getattr(found.get(opened), "client", found.get(opened))
        if hasattr(it, "close"):  # another page's `tasks` is a function
            it.close()
    if "engine" in found:
        found["engine"].dispose()


@having("console")
def test_the_commands_of_a_page_run(of: Path, url: str, here: Here) -> None:
    timer_id = ""
    for text in texts(of, "console"):
        for line in text.splitlines():
            if not line.startswith("$ "):
                continue
            command = here(line[2:].partition("     #")[0])
            said = run(re.sub(r"\b[0-9A-Za-z]{22}\b", timer_id, command) if timer_id else command, url)
            if said.startswith("set "):
                timer_id = said.split()[1].rstrip(",")


def test_the_client_of_the_page_lists_the_timer_that_it_has_moved(
    here: Here, capsys: pytest.CaptureFixture[str]
) -> None:
    (script,) = [text for text in texts(page("client.md"), "python") if "client.reschedule(" in text]
    exec(here(script), {})
    assert re.search(r"^\w{22} \S+ \S+ 1:00:00$", capsys.readouterr().out, re.MULTILINE)


def test_the_timer_that_the_api_page_fires_is_sent(url: str, here: Here, receiver: Receiver) -> None:
    before = len(receiver.hits)
    run(here("\n".join(texts(page("api.md"), "bash"))), url)
    assert receiver.wait_for(before + 1, 10)[-1].path == "/hook"


def test_the_receiver_of_the_page_believes_what_is_signed_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIMER_SIGNING_SECRETS", SECRET)
    (script,) = [text for text in texts(page("client.md"), "python") if "Flask(" in text]
    found: dict[str, Any] = {"__name__": "receiver"}
    exec(script, found)
    at = int(time.time())
    signature = Signer(SECRET).sign("id", at, b"{}")
    headers = {"webhook-id": "id", "webhook-timestamp": str(at), "webhook-signature": signature}
    client = found["app"].test_client()
    assert client.post("/hook", data=b"{}", headers=headers, content_type="application/json").status_code == 204
    assert client.post("/hook", data=b"[]", headers=headers, content_type="application/json").status_code == 403


def test_the_receiver_of_the_page_about_effects_makes_each_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIMER_SIGNING_SECRETS", SECRET)
    script = next(text for text in texts(page("once.md"), "python") if "Flask(" in text)
    found: dict[str, Any] = {"__name__": "receiver"}
    exec(script, found)
    client, at = found["app"].test_client(), int(time.time())
    for webhook_id in ("a", "a", "b", "a"):
        body = b'{"customer": 7}'
        signature = Signer(SECRET).sign(webhook_id, at, body)
        headers = {"webhook-id": webhook_id, "webhook-timestamp": str(at), "webhook-signature": signature}
        assert client.post("/hook", data=body, headers=headers, content_type="application/json").status_code == 204
    with found["engine"].connect() as connection:
        assert connection.exec_driver_sql("SELECT * FROM invoices").all() == [(7,), (7,)]
    found["engine"].dispose()
