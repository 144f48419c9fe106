"""Look-ups that do not block each other: c-ares asks name servers from a thread of its own."""

from __future__ import annotations

import logging
import socket
from typing import Any

import pycares

from scheduler.delivery.details import NAME_SERVER_FAILED, NO_SUCH_NAME
from scheduler.delivery.sockets.look_up_files import HOSTS, hosts_file, versions
from scheduler.delivery.sockets.resolver import Answered

_NO_SUCH_NAME = {pycares.errno.ARES_ENOTFOUND, pycares.errno.ARES_ENODATA, pycares.errno.ARES_EBADNAME}

log = logging.getLogger(__name__)


class CaresResolver:
    """Asks the name servers of /etc/resolv.conf, and /etc/hosts first. Used by one thread; answers come in any.

    `close` cancels what is asked; until then it may be told to look for other servers.
    """

    def __init__(self) -> None:
        self._channel = _channel()
        self._read = versions()
        self._hosts = hosts_file()

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
        before, self._read = self._read, versions()
        changed = {path for path, version in self._read.items() if version != before[path]}
        if changed:
            self._hosts = hosts_file()
        if changed - {HOSTS}:
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
