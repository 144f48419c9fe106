"""The whole service as the fixture of timer_service.testing starts it: `up` over an empty store with a virtual clock.

    python -P -m timer_service.process.for_tests 7

7 is one of a pair of sockets, inherited: there it tells the API's address in a line, and for each line that it is sent
it empties the store, and says so. It ends with whoever started it, however that ended: also by kill -9.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from threading import Thread

from scheduler import Link, Settings, SettingsError, StoreUnavailable, connect, empty_store
from timer_service import logs
from timer_service.process import up
from timer_service.process.embedded_store import EmbeddedStore

#: Seconds between two looks whether who started us still lives. What he has forked keeps the socket open.
_LOOK_EVERY = 0.2
#: Seconds after which we kill ourselves if nothing else ends us.
_PATIENCE = 15.0
#: Seconds that one call of the store may take on a busy machine.
_STORE_TIMEOUT = 10.0


def main(descriptor: int) -> None:
    connection = socket.socket(fileno=descriptor)
    try:
        settings = Settings.from_env()
        logs.configure(settings.log_level, settings.log_format)
        with tempfile.TemporaryDirectory(prefix="timer-service-") as folder:
            store = EmbeddedStore(Path(folder), settings.max_bytes)
            Thread(target=_serve, args=(connection, lambda: _empty(store)), daemon=True).start()
            up.run(settings, store, lambda address: _say(connection, address))
    except (SettingsError, up.EmbeddedError, up.StartFailed) as error:
        sys.exit(str(error))


def _serve(connection: socket.socket, empty: Callable[[], str]) -> None:
    """Until the other end is closed, or our parent is another."""
    parent = os.getppid()
    while os.getppid() == parent:
        if select.select([connection], [], [], _LOOK_EVERY)[0]:
            if not _received(connection):
                break
            _say(connection, empty())
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(_PATIENCE)
    os.kill(os.getpid(), signal.SIGKILL)


def _received(connection: socket.socket) -> bytes:
    """Nothing from an end that is closed."""
    try:
        return connection.recv(100)
    except OSError:
        return b""


def _say(connection: socket.socket, line: str) -> None:
    with contextlib.suppress(OSError):  # _serve() finds it closed, too
        connection.sendall(f"{line}\n".encode())


def _empty(store: EmbeddedStore) -> str:
    client = connect(store.url, _STORE_TIMEOUT)
    try:
        empty_store(Link(client, clock="virtual"))
    except StoreUnavailable as error:
        return f"not emptied: {error}"
    finally:
        client.close()
    return "emptied"


if __name__ == "__main__":
    main(int(sys.argv[1]))
