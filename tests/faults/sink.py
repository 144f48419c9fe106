"""A process that receives webhooks, answers as the path says, and writes a line of JSON for each to standard output.

`/<number>/<ms>`: 204 after so many ms. `/<number>/<ms>/once-<status>`: a first attempt gets this status instead.
`/<number>/<ms>/held-<ms>`: a first attempt is answered after so many ms.
`/all/<ms>/always-<status>?<number>`: each attempt gets this status; so many timers have one path.
`/away/<seconds>/<status>/<ms>`: 204; from then on for so long all that this host is sent gets this status after so many
ms, or if that is 0 no answer at all.
It listens on one port of 127.0.0.1 to 127.0.0.110, each of which is a destination of its own.
"""

from __future__ import annotations

import asyncio
import json
import resource
import sys
import time
from urllib.parse import urlsplit

#: It listens on so many addresses, from 127.0.0.1 on; those beyond the first are for whoever sets something for them.
HOSTS, OF_THEIR_OWN = 100, 10

#: Host -> until when it is away, its status, ms.
_away: dict[str, tuple[float, int, int]] = {}


async def _read(reader: asyncio.StreamReader) -> tuple[str, dict[str, str], bytes] | None:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except (asyncio.IncompleteReadError, ConnectionError):
        return None
    request, *lines = head.decode("latin-1").rstrip().split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    try:
        body = await reader.readexactly(int(headers.get("content-length", 0)))
    except (asyncio.IncompleteReadError, ConnectionError):
        return None
    return request.split()[1], headers, body


def _answer(status: int) -> bytes:
    return b"HTTP/1.1 %d X\r\ncontent-length: 0\r\n\r\n" % status


async def _serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while (read := await _read(reader)) is not None:
        at = time.time()
        target, headers, body = read
        host = writer.get_extra_info("sockname")[0]
        asked = urlsplit(target)
        _, number, hold, *rest = asked.path.split("/")
        if number == "away":
            _away[host] = (at + float(hold), int(rest[0]), int(rest[1]))
            writer.write(_answer(204))
            continue
        status, ms = 204, int(hold)
        what, _, value = "".join(rest[:1]).partition("-")
        is_first = headers["timer-attempt"] == "1"
        if what == "always" or (what == "once" and is_first):
            status = int(value)
        elif what == "held" and is_first:
            ms = int(value)
        if host in _away and at < _away[host][0]:
            _, status, ms = _away[host]
        hit = {
            "at": at,
            "until": at + ms / 1000,
            "status": status,
            "number": int(asked.query or number),
            "host": host,
            "headers": {name: value for name, value in headers.items() if name.startswith(("webhook-", "timer-"))},
            "body": body.decode("latin-1"),
        }
        sys.stdout.write(json.dumps(hit) + "\n")
        sys.stdout.flush()
        await asyncio.sleep(ms / 1000)
        if not status:
            break
        try:
            writer.write(_answer(status))
            await writer.drain()
        except ConnectionError:
            break
    writer.close()


async def main() -> None:
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    hosts = [f"127.0.0.{n}" for n in range(1, HOSTS + OF_THEIR_OWN + 1)]
    server = await asyncio.start_server(_serve, hosts, int(sys.argv[1]), backlog=1024)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
