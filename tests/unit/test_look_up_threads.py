"""Look-ups in threads of our own: how many at once, which wait for which, and that each is answered once.

Tried: names that hang, more of them than may wait, or are remembered; names of /etc/hosts with a dot at their end;
files that change. With a transport around them: tests/delivery/test_look_up_threads.py.
"""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import pytest

from scheduler.delivery.details import NAME_SERVER_FAILED, NO_SUCH_NAME
from scheduler.delivery.sockets import look_up_files, look_up_threads
from scheduler.delivery.sockets.look_up_threads import ThreadResolver
from scheduler.delivery.sockets.resolver import Found
from tests.bench.processes import wait_until

ADDRESS = "93.184.216.34"
#: Threads for names that have not been answered promptly.
OTHERS = 3


class Names:
    """Stands for getaddrinfo(): names that hang do so until they are let go, others are answered at once."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.let_go = threading.Event()
        self.most_at_once = 0
        self._at_once = 0
        self._lock = threading.Lock()

    def getaddrinfo(self, host: str, port: int, **_: Any) -> list[Any]:
        with self._lock:
            self.asked.append(host)
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)
        try:
            if host.startswith("hangs"):
                self.let_go.wait(120)
            return [] if host == "empty.test" else [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (ADDRESS, port))]
        finally:
            with self._lock:
                self._at_once -= 1


class Asked:
    """A resolver, and what it has answered."""

    def __init__(self, most_others: int = OTHERS) -> None:
        self.resolver = ThreadResolver(most_others)
        self._answers: SimpleQueue[tuple[str, Found]] = SimpleQueue()

    def ask(self, *hosts: str) -> None:
        for host in hosts:
            self.resolver.ask(host, 80, partial(self._answered, host))

    def _answered(self, host: str, came: Found) -> None:
        self._answers.put((host, came))

    def answers(self, count: int) -> dict[str, Found]:
        """So many, as they come."""
        came = dict(self._answers.get(timeout=120) for _ in range(count))
        assert len(came) == count
        return came

    def answer(self, host: str) -> Found:
        self.ask(host)
        return self.answers(1)[host]

    def has_answered(self) -> bool:
        return not self._answers.empty()


def threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "look-up"]


def until_asked(names: Names, count: int) -> None:
    wait_until(lambda: len(names.asked) >= count, 20, f"{count} look-ups have begun")


def hanging(count: int) -> list[str]:
    return [f"hangs{number}.test" for number in range(count)]


def found(hosts: list[str]) -> dict[str, Found]:
    return {host: [ADDRESS] for host in hosts}


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Iterator[Names]:
    it = Names()
    monkeypatch.setattr(socket, "getaddrinfo", it.getaddrinfo)
    monkeypatch.setattr(look_up_threads, "_SOON", 60.0)  # a slow machine is no slow name server
    yield it
    it.let_go.set()
    wait_until(lambda: not threads(), 20, "no look-up goes on")


@pytest.fixture
def files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The folder that stands for /etc."""
    hosts, nsswitch = tmp_path / "hosts", tmp_path / "nsswitch.conf"
    monkeypatch.setattr(look_up_files, "HOSTS", hosts)
    monkeypatch.setattr(look_up_files, "NSSWITCH", nsswitch)
    monkeypatch.setattr(look_up_files, "FILES", (tmp_path / "resolv.conf", nsswitch, hosts))
    return tmp_path


# Threads


def test_names_that_were_never_asked_for_have_so_many_threads_and_the_others_wait(names: Names) -> None:
    """Red with `>` in _Threads.run."""
    it = Asked()
    it.ask(*hanging(10))
    assert len(threads()) == OTHERS
    assert all(thread.daemon for thread in threads())
    until_asked(names, OTHERS)
    assert not it.has_answered()
    names.let_go.set()
    assert it.answers(10) == found(hanging(10))
    assert names.most_at_once == OTHERS
    assert sorted(names.asked) == sorted(hanging(10))
    assert not it.has_answered()


def test_names_that_were_answered_promptly_have_so_many_threads_of_their_own(
    names: Names, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All of them hang from now on: those that are new go on. Red where both kinds share their threads."""
    monkeypatch.setattr(look_up_threads, "_MOST_PROMPT", 2)
    it = Asked(most_others=1)
    names.let_go.set()
    it.ask(*hanging(5))
    it.answers(5)
    wait_until(lambda: not threads(), 20, "threads end when nothing waits for them")
    names.let_go.clear()
    names.asked.clear()
    it.ask(*hanging(5))
    assert len(threads()) == 2
    assert it.answer("new.test") == [ADDRESS]
    assert len(names.asked) <= 3
    names.let_go.set()
    assert it.answers(5) == found(hanging(5))


def test_of_the_names_that_were_answered_promptly_the_latest_are_remembered(
    names: Names, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(look_up_threads, "_MOST_REMEMBERED", 2)
    it = Asked(most_others=1)
    for host in ("a.test", "b.test", "a.test", "c.test"):
        assert it.answer(host) == [ADDRESS]
    it.ask("hangs.test", "b.test")
    assert it.answer("a.test") == it.answer("c.test") == [ADDRESS]
    assert not it.has_answered()
    names.let_go.set()
    assert set(it.answers(2)) == {"hangs.test", "b.test"}


def test_beyond_the_most_that_wait_a_name_is_answered_at_once(names: Names, monkeypatch: pytest.MonkeyPatch) -> None:
    """And those that wait are answered later, each once."""
    monkeypatch.setattr(look_up_threads, "_MOST_WAITING", 5)
    it = Asked()
    assert it.answer("prompt.test") == [ADDRESS]
    it.ask(*hanging(OTHERS))
    until_asked(names, 1 + OTHERS)
    it.ask(*(f"waits{number}.test" for number in range(5)))
    assert not it.has_answered()
    it.ask("one.test", "two.test")
    assert it.has_answered()
    assert it.answers(2) == dict.fromkeys(("one.test", "two.test"), NAME_SERVER_FAILED)
    assert it.answer("prompt.test") == [ADDRESS]
    names.let_go.set()
    waited = [*hanging(OTHERS), *(f"waits{number}.test" for number in range(5))]
    assert it.answers(5 + OTHERS) == found(waited)
    assert it.answer("one.test") == [ADDRESS]
    assert not it.has_answered()


def no_thread(_: threading.Thread) -> None:
    raise RuntimeError("can't start new thread")


# Answers


def test_a_name_without_an_address_is_none(names: Names) -> None:
    assert Asked().answer("empty.test") == NO_SUCH_NAME


# Files


def test_a_name_of_the_hosts_file_is_found_with_a_dot_at_its_end_too(names: Names, files: Path) -> None:
    """getaddrinfo() finds it there without the dot only. Red where it is asked for what was written."""
    (files / "hosts").write_text(f"{ADDRESS} Known.test alias # other.test\nnonsense\n")
    it = Asked()
    for host in ("known.TEST.", "alias.", "other.test.", "known.test", "nonsense."):
        it.answer(host)
    assert names.asked == ["known.TEST", "alias", "other.test.", "known.test", "nonsense."]


@pytest.mark.parametrize(
    ("hosts", "asked"),
    [
        ("files dns", "known.test"),
        ("files mdns4_minimal [NOTFOUND=return] dns", "known.test"),
        ("dns files", "known.test."),
        ("dns", "known.test."),
    ],
)
def test_with_a_dot_at_its_end_a_name_is_looked_for_there_only_if_that_comes_first(
    names: Names, files: Path, hosts: str, asked: str
) -> None:
    (files / "hosts").write_text(f"{ADDRESS} known.test\n")
    (files / "nsswitch.conf").write_text(f"passwd: files\nhosts: {hosts} # as it is\n")
    Asked().answer("known.test.")
    assert names.asked == [asked]


def test_a_file_that_says_how_names_are_looked_up_is_seen_to_change_once(files: Path) -> None:
    resolver = ThreadResolver()
    path, new = files / "resolv.conf", files / "new"
    assert not resolver.look_for_changes()

    def changed(change: Callable[[], object]) -> None:
        change()
        assert resolver.look_for_changes()
        assert not resolver.look_for_changes()

    changed(lambda: path.write_text("nameserver 127.0.0.1\n"))
    changed(lambda: path.write_text("nameserver 127.0.0.10\n"))
    new.write_text("nameserver 127.0.0.11\n")
    changed(lambda: new.rename(path))
    (files / "elsewhere").write_text("nameserver 127.0.0.12\n")
    path.unlink()
    changed(lambda: path.symlink_to(files / "elsewhere"))
    changed(lambda: (files / "elsewhere").write_text("nameserver 127.0.0.1\n"))
    changed(lambda: os.utime(files / "elsewhere", ns=(1, 1)))  # one of the same size, written in place
    changed(path.unlink)
    changed(lambda: (files / "hosts").write_text(f"{ADDRESS} known.test\n"))
    changed(lambda: (files / "nsswitch.conf").write_text("hosts: files\n"))
