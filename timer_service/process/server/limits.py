"""What one worker grants its clients: seconds, bytes and connections."""

from __future__ import annotations

import resource
from dataclasses import dataclass

from timer_service.web.input.limits import BATCH_BYTES

#: Files of a worker that are no clients' connections: the store's, logs, modules.
_OURS = 256
_CONNECTIONS = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Times are in seconds."""

    #: From the first byte of a request to its last, head and body together; then it is answered 408.
    request: float = 10.0
    #: For so many bytes that have come, a second more: 8 MiB over 1 Mbit/s take 70 s, and have 74.
    bytes_a_second: int = 128 * 1024
    #: From one byte of an answer that the client takes to the next.
    answer_pause: float = 10.0
    #: For the whole of an answer.
    answer: float = 60.0
    #: Between two requests, and before the first: longer than the idle time of common proxies.
    idle: float = 75.0
    #: A stopping worker closes silent and leaving connections after this: a request may be on its way.
    idle_at_stop: float = 2.0
    #: After the last answer of a connection: what still comes is thrown away, lest the answer be lost to a reset.
    goodbye: float = 5.0
    #: Bytes thrown away then.
    goodbye_bytes: int = 64 * 1024 * 1024

    #: Bytes of a request's line and headers.
    head: int = 64 * 1024
    #: Bytes of a body; what a view takes may be less.
    body: int = BATCH_BYTES
    #: A connection that holds no more bytes than these counts for nothing.
    small: int = 16 * 1024
    #: Bytes that all others together may hold, in requests that come and answers that go.
    held: int = 64 * 1024 * 1024
    #: Bytes of an answer that the kernel takes from us for a client that does not read.
    send_buffer: int = 128 * 1024

    connections: int = _CONNECTIONS
    #: Those of one address may wait silently, or with a part of a request, on so many.
    waiting_per_peer: int = _CONNECTIONS // 2

    @classmethod
    def of_this_process(cls) -> Limits:
        """No more connections than files may be open."""
        soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        most = _CONNECTIONS if soft == resource.RLIM_INFINITY else max(64, min(_CONNECTIONS, soft - _OURS))
        return cls(connections=most, waiting_per_peer=most // 2)
