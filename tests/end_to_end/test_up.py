"""`timer-service up`: one command, one Ctrl-C, and nothing lost in between."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.bench import needed
from tests.bench.processes import COMMAND, START, Up, alive, free_port, wait_until
from tests.bench.receiver import Receiver

StartUp = Callable[..., Up]
_HUGE = Path("/sys/kernel/mm/transparent_hugepage/enabled")
ASKS_FOR_HUGE_PAGES = _HUGE.exists() and "[madvise]" in _HUGE.read_text()


def test_a_timer_set_with_one_call_fires_once_not_early_and_says_who_it_is(up: StartUp, receiver: Receiver) -> None:
    url = up().url()
    asked = {"seconds": 1, "url": f"{receiver.url}/hook?a=1", "headers": {"X-Own": "1"}, "body": {"hello": ["é"]}}
    timer = requests.post(f"{url}/timer", json=asked, timeout=30).json()
    (hit,) = receiver.wait_for(1, 10)
    due = datetime.fromisoformat(timer["due_at"]).timestamp()
    assert due <= hit.at < due + 5
    assert (hit.method, hit.path, json.loads(hit.body)) == ("POST", "/hook?a=1", {"hello": ["é"]})
    assert hit.timer_id == timer["id"]
    assert hit.headers["timer-attempt"] == "1"
    assert hit.headers["timer-due-at"] == timer["due_at"]
    assert hit.headers["x-own"] == "1"
    assert hit.headers["content-type"] == "application/json"
    assert int(hit.headers["timer-lateness-ms"]) < 5000
    assert abs(int(hit.headers["webhook-timestamp"]) - hit.at) < 5
    assert "timer-redelivery" not in hit.headers
    found = _wait_for_end(url, timer["id"])
    assert (found["status"], found["attempts"], found["time_left"]) == ("delivered", 1, 0)
    assert found["last_attempt"]["status_code"] == 204
    assert len(receiver.hits) == 1


def test_after_a_kill_of_everything_nothing_is_left_running_and_what_fell_due_meanwhile_fires_once(
    up: StartUp, receiver: Receiver
) -> None:
    first = up()
    url = first.url()
    children = first.children()
    asked = {"timers": [{"seconds": 5, "url": receiver.url}] * 20}  # long enough for a busy machine to kill before
    results = requests.post(f"{url}/timers/batch", json=asked, timeout=30).json()["results"]
    timers = [result["timer"] for result in results]
    assert sum("timer-service poller" in line for line in children.values()) == 1
    assert sum("timer-service api" in line for line in children.values()) == 2  # gunicorn's arbiter and its worker
    # With everysec a store whose disk is slow answers up to 2 s before it has written: what a kill loses then is no
    # defect of ours.
    (log,) = first.data_dir.glob("appendonlydir/*.incr.aof")
    wait_until(
        lambda: all(it["id"].encode() in log.read_bytes() for it in timers), 3, "what was set, in the store's file"
    )
    first.signal(signal.SIGKILL)
    first.process.wait()
    wait_until(lambda: not any(map(alive, children)), 5, f"the end of {children}")
    time.sleep(max(0.0, datetime.fromisoformat(timers[-1]["due_at"]).timestamp() - time.time()))
    assert receiver.hits == []

    url = up().url()
    receiver.wait_for(20, 15)
    for timer in timers:
        _wait_for_end(url, timer["id"])
    assert receiver.counts() == dict.fromkeys([timer["id"] for timer in timers], 1)


def test_a_second_start_on_the_same_data_directory_is_refused(up: StartUp) -> None:
    first = up()
    first.url()
    second = up()
    assert second.process.wait(20) == 1
    assert f"in use by another timer-service (process {first.process.pid})" in second.output()


def test_a_port_in_use_is_said_in_one_line(up: StartUp, receiver: Receiver) -> None:
    port = receiver.url.rpartition(":")[2]
    second = up("--port", port)
    assert second.process.wait(20) == 1
    assert second.output().startswith(f"Error: cannot listen on 127.0.0.1:{port}")
    assert second.output().count("\n") == 1


def test_a_bad_setting_stops_the_start_with_one_line_that_names_it(up: StartUp) -> None:
    part = up(TIMER_MAX_ATTEMPTS="many")
    assert part.process.wait(20) == 1
    assert part.output().startswith("Error: TIMER_MAX_ATTEMPTS 'many' is refused")
    assert part.output().count("\n") == 1


def test_one_signal_stops_everything_in_order_with_exit_code_0(up: StartUp) -> None:
    part = up("--pollers", "2", "--api-workers", "2")
    part.url()
    children = part.children()
    assert sum("timer-service poller" in line for line in children.values()) == 2
    part.signal(signal.SIGINT)
    assert part.process.wait(20) == 0
    assert not any(map(alive, children))
    assert "killed" not in part.output()
    assert "away" not in part.output()  # the store was the last to go


def test_each_child_has_a_process_group_of_its_own(up: StartUp) -> None:
    part = up()
    part.url()
    groups = {os.getpgid(pid) for pid, line in part.children().items() if " poller" in line or "valkey" in line}
    assert len(groups) == 2
    assert part.process.pid not in groups


def test_a_killed_supervisor_leaves_no_worker_on_the_port_even_with_a_client_in_mid_request(up: StartUp) -> None:
    first = up()
    host, _, port = first.url().removeprefix("http://").partition(":")
    children = first.children()
    with socket.create_connection((host, int(port))) as client:
        client.sendall(b"POST /timers HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{")
        first.signal(signal.SIGKILL)
        first.process.wait()
        wait_until(lambda: not any(map(alive, children)), 5, f"the end of {children}")
        up("--port", port).url()


def test_the_echo_of_a_signal_does_not_cut_the_stop_short(up: StartUp) -> None:
    """`make run` hands on the signal that its whole group got already."""
    part = up()
    part.url()
    for _ in range(3):
        part.signal(signal.SIGTERM)
    assert part.process.wait(20) == 0
    assert "killed" not in part.output()


@pytest.mark.skipif(not ASKS_FOR_HUGE_PAGES, reason="this kernel gives huge pages to all or to none: nobody asks")
def test_the_embedded_store_and_nobody_else_asks_for_huge_pages(up: StartUp) -> None:
    """What shows of its allocator's settings from outside."""
    part = up()
    part.url()
    asking = {pid for pid in part.children() if " hg" in Path(f"/proc/{pid}/smaps").read_text()}
    assert asking == {pid for pid, line in part.children().items() if "valkey" in line}


def test_nobody_else_can_read_the_timers_on_disk(up: StartUp) -> None:
    part = up()
    url = part.url()
    requests.post(f"{url}/timer", json={"hours": 1, "url": "http://h/", "headers": {"Authorization": "x"}}, timeout=30)
    assert part.data_dir.stat().st_mode & 0o077 == 0
    assert all(path.stat().st_mode & 0o077 == 0 for path in part.data_dir.rglob("*"))


@pytest.mark.parametrize("path", ["/proc/nothere", "/etc/hostname", "/etc/hostname/x"])
def test_a_data_directory_that_cannot_be_is_said_in_one_line(up: StartUp, path: str) -> None:
    part = up("--data-dir", path)
    assert part.process.wait(20) == 1
    assert part.output().startswith(f"Error: the data directory {path} cannot be used")
    assert part.output().count("\n") == 1


def test_an_empty_redis_url_means_the_embedded_store(up: StartUp) -> None:
    part = up(TIMER_REDIS_URL="")
    part.url()
    assert "embedded Valkey" in part.output()


def test_a_child_that_dies_is_started_again(up: StartUp, receiver: Receiver) -> None:
    part = up()
    url = part.url()
    for name in ("timer-service poller", "valkey-server", "timer-service api"):
        victim = min(pid for pid, line in part.children().items() if name in line)
        _kill(victim)
    wait_until(lambda: _accepted(url, receiver.url), 20, "a timer that is accepted")
    receiver.wait_for(1, 20)


def test_a_part_that_keeps_dying_is_started_again_and_the_others_go_on_and_say_so(
    up: StartUp, receiver: Receiver
) -> None:
    """Tried too: the store, a program that is gone, no memory for a process (test_supervisor.py)."""
    part = up(TIMER_LOG_LEVEL="warning")
    url = part.url()
    others = {pid for pid, line in part.children().items() if "timer-service poller" not in line}
    assert requests.get(f"{url}/readyz", timeout=30).json()["warnings"] == []
    for _ in range(6):
        _kill(wait_until(lambda: _pid_of(part, "timer-service poller"), 20, "a poller"))
    wait_until(lambda: "6 times in a row" in part.output(), 20, "the count of its deaths")
    answer = requests.get(f"{url}/readyz", timeout=30)
    assert answer.status_code == 200
    assert answer.json()["warnings"] == ["poller 1 keeps dying: 6 times in a row, last with signal 9"]
    assert _accepted(url, receiver.url)
    receiver.wait_for(1, 20)
    assert others <= part.children().keys()
    said = re.findall(
        r"poller 1 died with signal 9(?:, (\d) times in a row)?; starting it again in ([\d.]+) s", part.output()
    )
    assert said == [("", "0.1"), ("2", "0.2"), ("3", "0.4"), ("4", "0.8"), ("5", "1.6"), ("6", "3.2")]


def test_a_store_that_cannot_be_for_a_while_costs_an_answer_of_503_and_not_the_service(up: StartUp) -> None:
    """Its program dies at every start: here of a file where its folder was."""
    part = up()
    url = part.url()
    files = part.data_dir / "appendonlydir"
    _kill(_pid_of(part, "valkey-server"))
    files.rename(part.data_dir / "aside")
    files.touch()
    wait_until(lambda: "store died with exit code 1, 3 times in a row" in part.output(), 30, "three deaths")
    assert requests.get(f"{url}/livez", timeout=30).status_code == 200
    assert requests.get(f"{url}/readyz", timeout=30).status_code == 503
    assert f"see {part.data_dir / 'valkey.log'}" in part.output()
    files.unlink()
    (part.data_dir / "aside").rename(files)
    wait_until(lambda: requests.get(f"{url}/readyz", timeout=30).status_code == 200, 30, "a store again")


@pytest.mark.parametrize("depth", [0, 100], ids=["a short path", "a path too long for a socket"])
def test_a_socket_that_was_swept_away_is_made_again_while_the_api_goes_on(
    up: StartUp, receiver: Receiver, tmp_path: Path, depth: int
) -> None:
    """As systemd-tmpfiles does. Tried: the file alone, its folder with it where that is not the data directory."""
    temporary = Path(tempfile.mkdtemp(prefix="ts-"))  # short, as a socket's path must be
    data = tmp_path / "up" / "data" / ("d" * depth)
    part = up("--data-dir", str(data), TMPDIR=str(temporary))
    url = part.url()
    api = _pid_of(part, "timer-service api")
    (path,) = (temporary if depth else data).rglob("store.sock")
    path.unlink()
    if depth:
        path.parent.rmdir()
    wait_until(path.is_socket, 20, "a socket")
    wait_until(lambda: _accepted(url, receiver.url), 20, "a timer that is accepted")
    receiver.wait_for(1, 20)
    assert _pid_of(part, "timer-service api") == api
    assert part.stop() == 0
    temporary.rmdir()  # nothing is left behind


def test_a_data_directory_with_a_long_name_works(up: StartUp, tmp_path: Path) -> None:
    """The kernel allows a socket's path 107 bytes."""
    deep = tmp_path / ("d" * 100) / ("e" * 100)
    assert requests.get(f"{up('--data-dir', str(deep)).url()}/readyz", timeout=30).json()["warnings"] == []
    assert (deep / "appendonlydir").is_dir()


@pytest.mark.elsewhere
@pytest.mark.parametrize("depth", [0, 100], ids=["a short path", "a path too long for a socket"])
@pytest.mark.parametrize("words", [("up", "--port", "0"), ("api",)], ids=["up", "api"])
def test_without_a_temporary_directory_that_can_be_written_the_start_is_refused_in_one_line(
    tmp_path: Path, words: tuple[str, ...], depth: int
) -> None:
    """Tried: read-only file systems there (root can write to any other), with a data path too long for a socket."""
    data = Path(tempfile.mkdtemp(prefix="ts-", dir=Path.home())) / ("d" * depth)
    # Read-only in their places: what lies there, which may be we ourselves, stays to be seen.
    mounts = (
        "for each in /tmp /var/tmp; do mount --bind $each $each && mount -o remount,bind,ro $each || exit 77; done; "
        'cd /proc; exec "$@"'
    )
    command = ["unshare", "--mount", "--propagation", "private", "sh", "-c", mounts, "sh", COMMAND, *words]
    environ = {**os.environ, "TIMER_DATA_DIR": str(data), "TIMER_PORT": "0"}
    environ.pop("TMPDIR", None)
    done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=60, check=False)
    shutil.rmtree(data if data.name.startswith("ts-") else data.parent)
    if done.returncode not in (1, 2):
        needed.missing("no mount namespaces, which only root can make")
    assert done.stderr.startswith("Error: no temporary directory can be written")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(("host", "families"), [("::", 2), ("0.0.0.0", 1), ("::1", 1)])
def test_a_wildcard_serves_every_family_that_it_stands_for(up: StartUp, host: str, families: int) -> None:
    part = up("--host", host, TIMER_ALLOW_ANONYMOUS="1", TIMER_ALLOWED_HOSTS="*")
    port = part.url().rpartition(":")[2]

    def answers(address: str) -> bool:
        try:
            return requests.get(f"http://{address}:{port}/livez", timeout=30).status_code == 200
        except requests.ConnectionError:
            return False

    assert [answers(it) for it in ("127.0.0.1", "[::1]")].count(True) == families


def test_a_log_pipe_that_nobody_reads_stops_nothing(tmp_path: Path) -> None:
    environ = {**os.environ, "TIMER_DATA_DIR": str(tmp_path / "data"), "TIMER_PORT": str(port := free_port())}
    with subprocess.Popen([COMMAND, "up"], env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
        try:
            with requests.Session() as session:
                url = f"http://127.0.0.1:{port}/livez"
                wait_until(lambda: _lives(url), START, "an API")
                for _ in range(1000):
                    assert session.get(url, timeout=10).status_code == 200
            process.terminate()
            assert process.wait(40) == 0
        finally:
            process.kill()


def _lives(url: str) -> bool:
    try:
        return requests.get(url, timeout=30).status_code == 200
    except requests.RequestException:  # the port is open before anybody answers there
        return False


def test_a_damaged_append_only_file_is_no_empty_start(up: StartUp) -> None:
    first = up()
    url = first.url()
    for _ in range(50):
        requests.post(f"{url}/timer", json={"hours": 1, "url": "http://localhost:2/"}, timeout=30)
    assert first.stop() == 0
    (log,) = first.data_dir.glob("appendonlydir/*.incr.aof")
    data = log.read_bytes()
    middle = data.index(b"\r\n*", len(data) // 2)  # where a command begins
    log.write_bytes(data[:middle] + b"\r\n\xff" + data[middle + 3 :])
    second = up()
    assert second.process.wait(30) == 1
    assert "the embedded store did not start" in second.output()
    assert "Bad file format" in second.output()


def _pid_of(part: Up, name: str) -> int:
    return min((pid for pid, line in part.children().items() if name in line), default=0)


def _kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not alive(pid), 5, "its death")


def _wait_for_end(url: str, timer_id: str) -> dict[str, Any]:
    found: dict[str, Any] = wait_until(lambda: _ended(url, timer_id), 5, "the end of the timer")
    return found


def _ended(url: str, timer_id: str) -> dict[str, object] | None:
    found: dict[str, object] = requests.get(f"{url}/timers/{timer_id}", timeout=30).json()
    return found if found["status"] not in ("scheduled", "delivering") else None


def _accepted(url: str, hook: str) -> bool:
    try:
        return requests.post(f"{url}/timer", json={"seconds": 0, "url": hook}, timeout=30).status_code == 201
    except requests.RequestException:
        return False
