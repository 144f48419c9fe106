"""The inbox of `timer-service up`: a receiver that is there where timers may call it, and that nobody can take away."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from scheduler import Settings
from tests.bench.processes import Up, wait_until
from timer_service import inbox_address
from timer_service.inbox_address import TOKEN_HEADER, InboxAddress
from timer_service.process import inbox


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    part = Up(tmp_path_factory.mktemp("inbox") / "up", TIMER_LOG_LEVEL="debug")
    part.url()
    yield part
    part.stop()


def test_a_timer_for_the_url_that_the_banner_tells_arrives_in_the_inbox(one: Up) -> None:
    arrival = _arrival_of(one, timer := _set(one))
    assert (arrival["timer_id"], arrival["verified"], arrival["status"]) == (timer, True, 200)
    assert (arrival["method"], arrival["target"], arrival["attempt"]) == ("POST", "/hook", "1")


def test_the_page_shows_what_arrived(one: Up) -> None:
    timer = _set(one)
    _arrival_of(one, timer)
    page = wait_until(lambda: timer in (it := requests.get(f"{one.url()}/ui/inbox", timeout=30).text) and it, 10, "it")
    assert "signature verified" in page
    assert "attempt 1; answered 200" in page


def test_only_api_and_inbox_know_the_token_and_nothing_prints_it(one: Up) -> None:
    token = _address(one).token.encode()
    assert len(token) >= 40
    knowing = {line.split()[2] for pid, line in one.children().items() if token in _environ(pid)}
    assert knowing == {"receive", "api"}
    assert token.decode() not in one.output()
    assert not [line for line in one.children().values() if token.decode() in line]


def test_nobody_takes_the_inbox_down_nor_fills_its_memory(one: Up) -> None:
    """1,000 connections with half a megabyte each that never comes whole, 100 with a head that never ends."""
    pid, port = _pid(one), _address(one).port
    beginning = b"POST / HTTP/1.1\r\ncontent-length: 1000000\r\n\r\n" + b"x" * 500_000
    with contextlib.ExitStack() as stack:
        for number in range(1100):
            stack.enter_context(sock := socket.create_connection(("127.0.0.1", port), timeout=20))
            sock.setblocking(False)
            with contextlib.suppress(OSError):  # full, or closed for others
                sock.sendall(beginning if number % 11 else b"GET / HTTP/1.1\r\nx: " + b"y" * 1_000_000)
        assert _arrival_of(one, _set(one))
    assert _pid(one) == pid
    most = re.findall(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert int(most[0]) < 200_000


def test_an_inbox_that_is_killed_comes_back_at_its_place_and_the_rest_goes_on(one: Up) -> None:
    address, killed = _address(one), _pid(one)
    others = one.children().keys() - {killed}
    os.kill(killed, signal.SIGKILL)
    timer = _set(one)
    assert _arrival_of(one, timer)
    assert (_pid(one) != killed, _address(one)) == (True, address)
    assert others <= one.children().keys()
    assert re.findall(r"(\w+) died with signal 9", one.output()) == ["inbox"]


def test_with_its_port_taken_the_inbox_is_on_another(up: Callable[..., Up]) -> None:
    with contextlib.ExitStack() as stack:
        with contextlib.suppress(OSError):  # someone has it already
            stack.enter_context(socket.create_server(("127.0.0.1", 9000)))
        part = up()
        assert _address(part).port not in (0, 9000)
        assert _arrival_of(part, _set(part))


def test_where_nobody_wants_it_there_is_none_and_the_banner_says_so(up: Callable[..., Up]) -> None:
    part = up("--no-inbox")
    part.url()
    assert re.search(r"^  inbox +none$", part.output(), re.MULTILINE)
    assert "timer-service receive" in part.output()
    assert _pid(part) == 0


@pytest.mark.parametrize(
    "settings",
    [
        Settings(egress_allow="127.0.0.0/8", inbox=False),
        Settings(egress_allow="10.0.0.0/8"),
        Settings(egress_allow="127.0.0.0/8", egress_ports="443"),
        Settings(),
    ],
)
def test_there_is_none_where_no_timer_may_call_it(settings: Settings) -> None:
    assert inbox.listen(settings) is None


def test_the_port_of_a_pollers_metrics_is_left_to_it() -> None:
    settings = Settings(egress_allow="127.0.0.0/8", metrics_port=8999, pollers=2)
    listener = inbox.listen(settings)
    assert listener is not None
    with listener:
        assert listener.getsockname()[1] != 9000


def _set(part: Up) -> str:
    """A timer for the inbox, as the banner shows."""
    url = part.url()
    (hook,) = re.findall(r"^  inbox +(http://127.0.0.1:\d+/hook)$", part.output(), re.MULTILINE)
    answer = requests.post(f"{url}/timers", json={"seconds": 0, "url": hook, "backoff": {"initial": 1}}, timeout=30)
    assert answer.status_code == 201, answer.text
    found: str = answer.json()["id"]
    return found


def _arrival_of(part: Up, timer: str) -> Any:
    return wait_until(lambda: next((it for it in _arrivals(part) if it["timer_id"] == timer), None), 30, "an arrival")


def _arrivals(part: Up) -> list[Any]:
    address = _address(part)
    try:
        answer = requests.get(f"http://127.0.0.1:{address.port}/", headers={TOKEN_HEADER: address.token}, timeout=20)
    except requests.RequestException:  # killed meanwhile
        return []
    found: list[Any] = answer.json()["arrivals"]
    return found


def _address(part: Up) -> InboxAddress:
    part.url()
    pid = wait_until(lambda: _pid(part), 20, "an inbox")
    pairs = (entry.decode().partition("=") for entry in _environ(pid).split(b"\0") if entry)
    found = inbox_address.read({name: value for name, _, value in pairs})
    assert found is not None
    return found


def _pid(part: Up) -> int:
    return next((pid for pid, line in part.children().items() if "timer-service receive" in line), 0)


def _environ(pid: int) -> bytes:
    return Path(f"/proc/{pid}/environ").read_bytes()
