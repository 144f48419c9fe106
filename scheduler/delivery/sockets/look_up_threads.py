"""Look-ups by getaddrinfo(), a thread for each name: where c-ares is not installed."""

from __future__ import annotations

import logging
import socket
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable

from scheduler.delivery.details import NAME_SERVER_FAILED, NO_SUCH_NAME, of_look_up
from scheduler.delivery.sockets.look_up_files import hosts_file, versions
from scheduler.delivery.sockets.resolver import Answered, Found

#: Threads for names that were not answered promptly the last time, or never asked for: getaddrinfo() knows no timeout,
#: and a silent name server holds its thread for 10 s or more.
_MOST_OTHERS = 256
#: Threads for the others, so that those do not wait for names that hang.
_MOST_PROMPT = 64
#: Seconds within which a name server that works has answered.
_SOON = 1.0
_MOST_REMEMBERED = 4096
#: Names that wait for a thread. A name server that is silent for an hour must not fill the memory.
_MOST_WAITING = 4096

_LookUp = Callable[[], None]

log = logging.getLogger(__name__)


class ThreadResolver:
    """The contract is Resolver's. Its threads are daemons: one that hangs does not hold the process."""

    def __init__(self, most_others: int = _MOST_OTHERS) -> None:
        self._prompt, self._others = _Threads(_MOST_PROMPT), _Threads(most_others)
        #: The last one comes last. Touched by any thread, one operation at a time.
        self._prompt_hosts: OrderedDict[str, None] = OrderedDict()
        self._lock = threading.Lock()
        self._read = versions()
        self._is_closed = False

    def ask(self, host: str, port: int, answered: Answered) -> None:
        def look_up() -> None:
            begun = time.monotonic()
            found = _look_up(host, port)
            self._note(host, time.monotonic() - begun)
            if not self._is_closed:
                answered(found)

        threads = self._prompt if host in self._prompt_hosts else self._others
        if not threads.run(look_up):
            answered(NAME_SERVER_FAILED)

    def look_for_changes(self) -> bool:
        before, self._read = self._read, versions()
        return self._read != before

    def close(self) -> None:
        self._is_closed = True

    def _note(self, host: str, seconds: float) -> None:
        with self._lock:
            self._prompt_hosts.pop(host, None)
            if seconds < _SOON:
                self._prompt_hosts[host] = None
                if len(self._prompt_hosts) > _MOST_REMEMBERED:
                    self._prompt_hosts.popitem(last=False)


class _Threads:
    """So many at most, each for as long as something waits for it."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._running = 0
        self._waiting: deque[_LookUp] = deque()
        self._lock = threading.Lock()

    def run(self, look_up: _LookUp) -> bool:
        """Soon; False if too many wait, or the machine allows no thread and none runs."""
        with self._lock:
            if len(self._waiting) >= _MOST_WAITING:
                return False
            self._waiting.append(look_up)
            if self._running >= self._most:
                return True
            try:
                threading.Thread(target=self._serve, daemon=True, name="look-up").start()
            except RuntimeError:
                if not self._running:
                    self._waiting.pop()
                return self._running > 0
            self._running += 1
            return True

    def _serve(self) -> None:
        while True:
            with self._lock:
                if not self._waiting:
                    self._running -= 1
                    return
                look_up = self._waiting.popleft()
            look_up()


def _look_up(host: str, port: int) -> Found:
    bare = host.removesuffix(".")
    try:
        if bare != host and bare.lower() in hosts_file():  # getaddrinfo() finds it there only so
            host = bare
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except UnicodeError:
        return NO_SUCH_NAME
    except OSError as error:
        return of_look_up(error.errno)
    except Exception:  # its thread is to go on, and whoever waits is to hear of it
        log.exception("a name cannot be looked up")
        return NAME_SERVER_FAILED
    return [str(address[0]) for *_, address in found] or NO_SUCH_NAME
