"""All places of all timers of one partition at one moment, as one script finds them."""

from __future__ import annotations

import time
from typing import Any

import redis

from tests.faults.history import Snapshot

#: KEYS[1] timers:{p}:scheduled.
_PLACES = """#!lua flags=no-writes
local root = string.match(KEYS[1], '^timers:{%w+}:')
local places = {}
for _, set in ipairs({ 'scheduled', 'delivering', 'delivered', 'failed', 'cancelled' }) do
  places[#places + 1] = { set, redis.call('ZRANGE', root .. set, 0, -1) }
end
for _, index in ipairs({ 'waiting', 'behind' }) do
  for _, tag in ipairs(redis.call('ZRANGE', root .. index, 0, -1)) do
    places[#places + 1] = { 'waiting:' .. tag, redis.call('ZRANGE', root .. 'waiting:' .. tag, 0, -1) }
  end
end
local claimed, progress = {}, redis.call('HGETALL', root .. 'progress')
for n = 1, #progress, 2 do
  if string.find(progress[n + 1], '^[^\\n]* claim=') then claimed[#claimed + 1] = progress[n] end
end
return { places, redis.call('KEYS', root .. 'timer:*'), claimed }
"""


def snapshot(client: redis.Redis, root: str) -> Snapshot:
    """`root`: of the partition. Raises redis.RedisError."""
    reply: Any = client.eval(_PLACES, 1, root)
    places, records, claimed = reply
    return Snapshot(
        at=time.time(),
        places={name.decode(): tuple(map(bytes.decode, ids)) for name, ids in places},
        records=frozenset(key.decode().rpartition(":")[2] for key in records),
        claimed=frozenset(map(bytes.decode, claimed)),
    )
