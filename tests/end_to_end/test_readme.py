"""The README's examples, as they stand, but for the ports."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from scheduler import Signer
from tests.bench.processes import COMMAND, Up
from tests.bench.receiver import SECRET, Receiver

README = (Path(__file__).parents[2] / "README.md").read_text()
StartUp = Callable[..., Up]


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)


def here(text: str, api: str, hook: str) -> str:
    """The same text for the servers of this test."""
    host = api.removeprefix("http://")
    return re.sub(r"(localhost|127\.0\.0\.1):8000", host, text).replace("localhost:9000", hook.removeprefix("http://"))


def run(command: list[str], text: str) -> str:
    done = subprocess.run(command, input=text, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout


def test_the_first_call_of_the_readme_sets_a_timer(up: StartUp, receiver: Receiver) -> None:
    call = re.search(r"\$ (curl -X POST localhost:8000/timer .*?}')", README, re.DOTALL)
    assert call
    answer = json.loads(run(["bash"], here(call[1], up().url(), receiver.url)))
    assert (answer["time_left"], answer["status"]) == (5, "scheduled")


def test_the_calls_of_the_readme_all_succeed(up: StartUp, receiver: Receiver) -> None:
    (script,) = blocks("bash")
    run(["bash", "-euo", "pipefail"], here(script, up().url(), receiver.url))
    (hit,) = receiver.wait_for(1, 10)  # the one that was fired
    assert hit.path == "/hook"


def test_the_client_of_the_readme_runs(up: StartUp, receiver: Receiver) -> None:
    (script,) = [block for block in blocks("python") if "TimerClient" in block]
    said = run([sys.executable], here(script, up().url(), receiver.url))
    assert re.fullmatch(r"00\w{20} \S+ \S+ 1:00:00\n", said)


def test_the_receiver_of_the_readme_believes_what_is_signed_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIMER_SIGNING_SECRETS", SECRET)
    (script,) = [block for block in blocks("python") if "Flask(" in block]
    found: dict[str, object] = {"__name__": "receiver"}
    exec(script, found)
    at = int(time.time())
    signature = Signer(SECRET).sign("id", at, b"{}")
    headers = {"webhook-id": "id", "webhook-timestamp": str(at), "webhook-signature": signature}
    client = found["app"].test_client()  # type: ignore[attr-defined]
    assert client.post("/hook", data=b"{}", headers=headers, content_type="application/json").status_code == 204
    assert client.post("/hook", data=b"[]", headers=headers, content_type="application/json").status_code == 403


def test_the_terminal_commands_of_the_readme_run(up: StartUp, receiver: Receiver) -> None:
    (block,) = [block for block in blocks("console") if "timer set" in block]
    commands = [line[2:].partition("     #")[0] for line in block.splitlines() if line.startswith("$ ")]
    url = up().url()
    timer_id = ""
    for command in commands:
        command = re.sub(r"\b00\w{20}\b", timer_id, here(command, url, receiver.url))
        script = f"export TIMER_URL={url}\n{command.replace('timer-service', COMMAND, 1)}"
        said = run(["bash", "-euo", "pipefail"], script)
        if said.startswith("set "):
            timer_id = said.split()[1].rstrip(",")
