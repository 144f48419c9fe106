"""Commands as they go on the wire."""

from __future__ import annotations

from typing import Any

import hiredis
from redis.connection import HiredisRespSerializer


class Packer:
    """As redis-py does it, without its look at each argument of a script, which is a string or number: 1 us a timer."""

    def __init__(self) -> None:
        self._others = HiredisRespSerializer()

    def pack(self, *words: Any) -> list[bytes]:
        if words[0] == "EVALSHA":
            return [hiredis.pack_command(words)]
        packed: list[bytes] = self._others.pack(*words)
        return packed
