"""The command as a shell sees it: a process, a terminal, completion."""

from __future__ import annotations

import os
import pty
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from uuid import uuid4

import pytest

from tests.bench.processes import COMMAND, Service, wait_until
from tests.bench.receiver import Receiver
from timer_service.client import TimerClient

BIN = str(Path(COMMAND).parent)


class Terminal:
    """A command on a pseudo-terminal, and all that it has written there."""

    def __init__(self, *words: str, url: str) -> None:
        self._master, slave = pty.openpty()
        self.process = subprocess.Popen(
            [COMMAND, *words], stdin=slave, stdout=slave, stderr=slave, env={**os.environ, "TIMER_URL": url}
        )
        os.close(slave)
        self.screen = ""

    def read(self) -> str:
        """What there is, after at least one piece more; nothing at the end."""
        try:
            piece = os.read(self._master, 65536).decode()
        except OSError:  # the other side is closed
            piece = ""
        self.screen += piece
        return piece

    def type(self, text: str) -> None:
        os.write(self._master, text.encode())

    def end(self) -> int:
        while self.read():
            pass
        os.close(self._master)
        return self.process.wait(20)


def test_watch_counts_down_on_a_terminal_and_then_shows_the_attempt(
    service: Service, client: TimerClient, receiver: Receiver
) -> None:
    timer = client.create(f"{receiver.url}/hook", delay=1800)
    terminal = Terminal("timer", "watch", timer.id, url=service.url)

    def counts() -> set[str]:
        pictures = terminal.screen.split("\r\x1b[2K")
        return {picture for picture in pictures if picture.startswith(f"{timer.id}  attempt 1 in 29m")}

    wait_until(lambda: terminal.read() and len(counts()) >= 3, 30, "it counts down")
    client.fire(timer.id)
    assert terminal.end() == 0
    last = terminal.screen.split("\r\x1b[2K")[-1]
    assert "delivered  204" in last
    assert last.endswith(f"{timer.id}  delivered, attempts: 1\r\n")


def test_a_person_is_asked_before_all_that_match_are_cancelled(service: Service, client: TimerClient) -> None:
    tag = uuid4().hex
    timer = client.create("http://127.0.0.1:2/", delay=3600, tags=[tag])
    for reply, code, status in (("n\n", 1, "scheduled"), ("y\n", 0, "cancelled")):
        terminal = Terminal("timer", "cancel", "--tag", tag, url=service.url)
        wait_until(lambda: terminal.read() and "Go on? [y/N]" in terminal.screen, 20, "the question")  # noqa: B023
        assert f"1 timer will be cancelled, first {timer.id}. Go on?" in terminal.screen
        terminal.type(reply)
        assert terminal.end() == code
        assert client.get(timer.id).status == status


def test_watch_that_is_interrupted_exits_130_and_leaves_the_timer_alone(service: Service, client: TimerClient) -> None:
    timer = client.create("http://127.0.0.1:2/", delay=3600)
    terminal = Terminal("timer", "watch", timer.id, url=service.url)
    wait_until(lambda: terminal.read() and "attempt 1 in" in terminal.screen, 20, "it counts down")
    terminal.process.send_signal(signal.SIGINT)
    assert terminal.end() == 130
    assert "Traceback" not in terminal.screen
    assert client.get(timer.id).status == "scheduled"


def test_watch_outlives_an_api_that_is_away_for_a_while(tmp_path: Path, receiver: Receiver) -> None:
    service = Service(tmp_path)
    try:
        api = service.api()
        service.poller()
        with TimerClient(service.url) as client:
            timer = client.create(f"{receiver.url}/hook", delay=3600)
            watching = service.start("timer", "watch", timer.id, "--url", service.url)
            wait_until(lambda: "scheduled" in watching.output(), 20, "it watches")
            api.kill()
            service.api(TIMER_PORT=service.url.rpartition(":")[2])
            client.fire(timer.id)
        assert watching.process.wait(20) == 0
        assert watching.output().endswith("delivered, attempts: 1\n")
    finally:
        service.remove()


def test_a_pipe_that_closes_early_is_no_error_with_a_traceback(service: Service, client: TimerClient) -> None:
    client.create_many([{"url": "http://127.0.0.1:2/", "delay": 3600} for _ in range(2000)])
    command = f"{COMMAND} timer list --all --output json --url {service.url} | head -1"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True)
    assert len(done.stdout.splitlines()) == 1
    assert done.stderr == ""


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_prints_a_script_that_its_shell_can_read(shell: str, tmp_path: Path) -> None:
    done = subprocess.run([COMMAND, "completion", shell], capture_output=True, text=True, check=True)
    assert "_TIMER_SERVICE_COMPLETE" in done.stdout
    if shutil.which(shell):
        script = tmp_path / "script"
        script.write_text(done.stdout)
        subprocess.run([shell, "-n", str(script)], check=True)


def complete(line: str, **environ: str) -> list[str]:
    """What bash offers for this line."""
    script = f"""
eval "$({COMMAND} completion bash)"
COMP_WORDS=({line}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))
[[ "{line}" == *" " ]] && {{ COMP_WORDS+=(''); COMP_CWORD=$((COMP_CWORD + 1)); }}
_timer_service_completion timer-service
printf '%s\\n' "${{COMPREPLY[@]}}"
"""
    env = {**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}", **environ}
    done = subprocess.run(["bash", "--norc", "-ic", script], capture_output=True, text=True, env=env, check=True)
    return done.stdout.split()


def test_bash_completes_commands_options_values_and_the_ids_of_timers_that_wait(
    service: Service, client: TimerClient
) -> None:
    key = f"order-{uuid4().hex}"
    timer_id = client.create("http://127.0.0.1:2/", delay=1800, key=key).id
    for command in (f"watch --key {key[:9]}", f"cancel --key {key[:9]}", f"set 1h http://h/ --key {key[:9]}"):
        assert complete(f"timer-service timer {command}", TIMER_URL=service.url) == [key]
    assert complete("timer-service timer re") == ["replay", "reschedule"]
    assert complete("timer-service timer set --meta") == ["--metadata"]
    assert complete("timer-service timer list --status del") == ["delivering", "delivered"]
    found = complete(f"timer-service timer watch {timer_id[:8]}", TIMER_URL=service.url)
    assert timer_id in found
    assert complete("timer-service timer watch 00", TIMER_URL="http://127.0.0.1:1") == []


def test_the_module_is_the_command_too() -> None:
    subprocess.run([sys.executable, "-m", "timer_service", "timer", "--help"], check=True, stdout=subprocess.DEVNULL)
