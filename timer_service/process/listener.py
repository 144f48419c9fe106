"""The socket that the API listens on, opened before anything else starts: a port in use is told in one line."""

from __future__ import annotations

import os
import socket

from scheduler import SettingsError

#: Connections that the kernel keeps until they are accepted.
_BACKLOG = 1024


def listen(host: str, port: int) -> socket.socket:
    """The port 0 chooses a free one. Raises SettingsError."""
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        # The IPv6 wildcard means every address, also those of IPv4.
        both = address[0] == "::" and socket.has_dualstack_ipv6()
        return socket.create_server(address[:2], family=family, backlog=_BACKLOG, dualstack_ipv6=both)
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno and error.errno > 0 else error.strerror
        raise SettingsError(
            f"cannot listen on {host}:{port}: {reason}; choose another TIMER_HOST or TIMER_PORT"
        ) from None
