"""Write what this version stores: `python -m tests.store.formats.make [NAME]`, once for each release, by its version.

Two files beside this one: the commands that a server needs to have the store again, and what it holds as JSON. The ids
are random: a file that was made once is kept as it is.
"""

from __future__ import annotations

import sys

from scheduler.version import VERSION
from tests.bench.servers import BINARIES, Server
from tests.bench.store import Bench, HandSetRedis
from tests.store.formats.files import Stored
from tests.store.formats.kinds import make


def write(stored: Stored, partitions: int) -> None:
    assert BINARIES["valkey"] is not None
    server = Server(BINARIES["valkey"]).start()
    try:
        client = HandSetRedis(unix_socket_path=str(server.socket))
        bench = Bench(client, partitions)
        make(bench)
        stored.save(server, bench)
        client.close()
    finally:
        server.remove()


def main(name: str) -> None:
    for partitions in (1, 16):
        write(Stored(f"{name}-p{partitions}"), partitions)


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else VERSION)
