"""Look-ups that do not block each other: c-ares asks name servers from a thread of its own."""

from __future__ import annotations

import contextlib
import logging
import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pycares

from scheduler.delivery.details import NAME_SERVER_FAILED, NO_SUCH_NAME
from scheduler.delivery.hosts_file import hosts_file

#: All addresses of a name, or in a sentence why there are none.
Found = list[str] | str
#: Called from any thread.
Answered = Callable[[Found], None]

_NO_SUCH_NAME = {pycares.errno.ARES_ENOTFOUND, pycares.errno.ARES_ENODATA, pycares.errno.ARES_EBADNAME}
_HOSTS, _NSSWITCH = Path("/etc/hosts"), Path("/etc/nsswitch.conf")
#: What getaddrinfo() reads again when it changes.
_FILES = (Path("/etc/resolv.conf"), _NSSWITCH, _HOSTS)

log = logging.getLogger(__name__)


class Resolver:
    """Asks the name servers of /etc/resolv.conf, and /etc/hosts first. Used by one thread; answers come in any.

    `close` cancels what is asked; until then it may be told to look for other servers.
    """

    def __init__(self) -> None:
        self._channel = _channel()
        self._read = {path: _version(path) for path in _FILES}
        self._hosts = hosts_file(_HOSTS, _NSSWITCH)

    def ask(self, host: str, port: int, answered: Answered) -> None:
        if found := self._hosts.get(host.lower().removesuffix(".")):
            answered(found)
            return

        channel = self._channel

        def callback(result: Any, error: int | None) -> None:
            if error == pycares.errno.ARES_ECANCELLED and channel is not self._channel:
                self.ask(host, port, answered)  # of the servers that are to be asked now
                return
            if error is None:
                answered([node.addr[0].decode() for node in result.nodes] or NO_SUCH_NAME)
            else:
                answered(NO_SUCH_NAME if error in _NO_SUCH_NAME else NAME_SERVER_FAILED)

        try:
            channel.getaddrinfo(host, port, type=socket.SOCK_STREAM, callback=callback)
        except (UnicodeError, ValueError):
            answered(NO_SUCH_NAME)

    def look_for_changes(self) -> bool:
        """Read again what has changed; True if anything has.

        c-ares watches the folder /etc, which hears nothing of the file behind a symbolic link or a mount; and what it
        has heard from the servers of before it would go on telling.
        """
        before, self._read = self._read, {path: _version(path) for path in _FILES}
        changed = {path for path in _FILES if self._read[path] != before[path]}
        if changed:
            self._hosts = hosts_file(_HOSTS, _NSSWITCH)
        if changed - {_HOSTS}:
            try:
                old, self._channel = self._channel, _channel()
            except pycares.AresError as error:  # no file is left: the servers of before are asked until there is one
                log.error("no look-ups with the new /etc/resolv.conf yet: %s", error)
                self._read = before
                return False
            old.cancel()
            old.close()
        return bool(changed)

    def close(self) -> None:
        self._channel.close()


def _channel() -> pycares.Channel:
    return pycares.Channel(timeout=5, tries=3)


def _version(path: Path) -> tuple[int, ...]:
    """Device, inode, size and time: one changes when a file is replaced, mounted over or written, or its link moved."""
    with contextlib.suppress(OSError):
        found = os.stat(path)
        return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns
    return ()
