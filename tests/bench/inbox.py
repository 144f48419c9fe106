"""The receiver for trying things out, as a thread of the test."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from typing import Any

import requests

from tests.bench.receiver import SECRET
from timer_service.process.receiver.connections import serve
from timer_service.process.receiver.control import Control
from timer_service.process.receiver.inbox import Arrival, Inbox

#: Of every inbox here.
TOKEN = "the token of the tests"


class RunningInbox:
    """A receiver in a thread of its own, with an inbox that TOKEN reads."""

    def __init__(self, secrets: str = SECRET) -> None:
        self.told: list[Arrival] = []
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self.port: int = self._listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        inbox = Inbox(lambda: secrets, tell=self.told.append)
        self._loop = asyncio.new_event_loop()
        self._task = self._loop.create_task(serve(self._listener, inbox, Control(inbox, TOKEN)))
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        with contextlib.suppress(asyncio.CancelledError):
            self._loop.run_until_complete(self._task)
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        self._loop.run_until_complete(asyncio.sleep(0.05))
        self._loop.close()

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=20)

    def say(self, data: bytes) -> bytes:
        """All that is answered, until it hangs up."""
        with self.connect() as sock:
            sock.sendall(data)
            found = b""
            while part := sock.recv(65536):
                found += part
        return found

    def read(self, path: str = "/") -> Any:
        return requests.get(self.url + path, headers={"timer-inbox-token": TOKEN}, timeout=20).json()

    def choose(self, name: str) -> int:
        headers = {"timer-inbox-token": TOKEN}
        return requests.post(f"{self.url}/next", data=name, headers=headers, timeout=30).status_code

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._task.cancel)
        self._thread.join(20)
        self._listener.close()
