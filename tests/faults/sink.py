"""A process that receives webhooks, answers as the path says, and writes a line of JSON for each to standard output.

`/<number>/<ms>`: 204 after so many ms. `/<number>/<ms>/once-<status>`: a first attempt gets this status instead.
`/<number>/<ms>/held-<ms>`: a first attempt is answered after so many ms.
It listens on one port of 127.0.0.1 to 127.0.0.100, each of which is a destination of its own.
"""

from __future__ import annotations

import asyncio
import json
import resource
import sys
import time
from urllib.parse import urlsplit

#: It listens on so many addresses, from 127.0.0.1 on.
HOSTS = 100


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


async def _serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while (read := await _read(reader)) is not None:
        at = time.time()
        target, headers, body = read
        _, number, hold, *rest = urlsplit(target).path.split("/")
        status, ms = 204, int(hold)
        if rest and headers["timer-attempt"] == "1":
            what, _, value = rest[0].partition("-")
            status = int(value) if what == "once" else 204
            ms = int(value) if what == "held" else ms
        hit = {
            "at": at,
            "until": at + ms / 1000,
            "status": status,
            "number": int(number),
            "headers": {name: value for name, value in headers.items() if name.startswith(("webhook-", "timer-"))},
            "body": body.decode("latin-1"),
        }
        sys.stdout.write(json.dumps(hit) + "\n")
        sys.stdout.flush()
        await asyncio.sleep(ms / 1000)
        try:
            writer.write(b"HTTP/1.1 %d X\r\ncontent-length: 0\r\n\r\n" % status)
            await writer.drain()
        except ConnectionError:
            break
    writer.close()


async def main() -> None:
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    hosts = [f"127.0.0.{n}" for n in range(1, HOSTS + 1)]
    server = await asyncio.start_server(_serve, hosts, int(sys.argv[1]), backlog=1024)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
