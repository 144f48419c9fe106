"""Writes what this version stores, as files that every later version has to read: once a release, by its version.

For each number of partitions two files beside this one: the commands that a server needs to have the store again, and
what it holds as JSON. The ids are random: a file that was made once is kept as it is. (The code is formatted by
`ruff format`.)
"""

from __future__ import annotations

import argparse

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


def main() -> None:
    parser = argparse.ArgumentParser(prog="make format", description=__doc__)
    parser.add_argument("name", nargs="?", default=VERSION, help="what the files are called (%(default)s)")
    name = parser.parse_args().name
    stored = {partitions: Stored(f"{name}-p{partitions}") for partitions in (1, 16)}
    for it in stored.values():
        if it.commands.exists():
            parser.error(f"{it.commands.name} is there: what a release stored is not written again")
    for partitions, it in stored.items():
        write(it, partitions)


if __name__ == "__main__":
    main()
