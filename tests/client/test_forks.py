"""A client that was made and used before a fork, as by gunicorn with --preload, shares no socket with the children."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
from collections import defaultdict
from pathlib import Path

import pytest

from tests.bench.raw import RawReceiver, raw_receiving
from tests.client.forks import CHILDREN
from tests.client.test_retries import TIMER, answer

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("kind", ["own", "given", "async"])
def test_parent_and_children_have_sockets_of_their_own(kind: str) -> None:
    asked: dict[socket.socket, set[str]] = defaultdict(set)
    lock = threading.Lock()

    def behave(receiver: RawReceiver, sock: socket.socket) -> None:
        timer_id = receiver.asked[sock].split(b" ")[1].rpartition(b"/")[2].decode()
        with lock:
            asked[sock].add(timer_id.rstrip("0123456789"))
        sock.sendall(answer(200, {**TIMER, "id": timer_id}))

    command = [sys.executable, "-m", "tests.client.forks"]
    with raw_receiving(behave) as service:
        done = subprocess.run([*command, service.url, kind], cwd=ROOT, capture_output=True, text=True, timeout=240)
    assert (done.returncode, done.stdout) == (0, f"True {[0] * CHILDREN}\n"), done.stderr
    children = [it for it in asked.values() if any(name.startswith("child") for name in it)]
    assert len(children) >= CHILDREN
    assert all(len(it) == 1 for it in children), "a socket of a child is nobody else's"


def test_a_session_that_was_given_goes_on_with_its_own_settings_in_a_child() -> None:
    code = """
import os, sys, requests
from timer_service.client import TimerClient
session = requests.Session()
session.headers["x-company"] = "ours"
client = TimerClient(sys.argv[1], session=session)
client.get("a")
child = os.fork()
client.get("b")
if not child:
    os._exit(0)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""

    def behave(receiver: RawReceiver, sock: socket.socket) -> None:
        sock.sendall(answer(200, TIMER))

    with raw_receiving(behave) as service:
        subprocess.run([sys.executable, "-c", code, service.url], check=True, timeout=240)
    assert [b"x-company: ours" in request for request in service.requests] == [True] * 3
    assert service.connections == 2
