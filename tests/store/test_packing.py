"""Commands as they go on the wire."""

from __future__ import annotations

from typing import Any

import pytest
from redis.connection import HiredisRespSerializer

from scheduler import connect
from scheduler.store.packing import Packer

COMMANDS = [
    ("EVALSHA", "0" * 40, 1, "timers:{0}:scheduled", 0, -5, 1.5, "é ", b"\0\r\n", ""),
    ("EVALSHA", "0" * 40, 1, "timers:{0}:scheduled"),
    ("CONFIG GET", "maxmemory"),
    ("SCRIPT LOAD", "return 1", b"x"),
    ("PING",),
]


@pytest.mark.parametrize("words", COMMANDS, ids=str)
def test_every_command_is_written_as_redis_py_writes_it(words: tuple[Any, ...]) -> None:
    assert Packer().pack(*words) == HiredisRespSerializer().pack(*words)


def test_what_connects_to_a_store_packs_by_it() -> None:
    connection = connect("redis://127.0.0.1:1/0", 0.5).connection_pool.make_connection()
    assert isinstance(getattr(connection, "_command_packer"), Packer)  # noqa: B009
