"""The store in memory: the scripts of the real one, run by fakeredis. The store's own tests run on it, too."""

from __future__ import annotations

from typing import Any

import fakeredis

#: Text for SHA-1 as 40 hexadecimal digits, which fakeredis has not: another digest of as many.
_SHA1HEX = """(function(text)
  local digest = ''
  for seed = 1, 5 do
    local sum = seed
    for n = 1, #text do sum = (sum * 31 + string.byte(text, n)) % 4294967296 end
    digest = digest .. string.format('%08x', sum)
  end
  return digest
end)"""
#: A store without a limit.
_INFO = {"used_memory": 0, "maxmemory": 0, "maxmemory_policy": "noeviction", "redis_version": "7.4.0"}


class MemoryStore(fakeredis.FakeRedis):
    """A client of a server of its own. fakeredis knows no `#!lua` line, no access lists, and not what INFO says."""

    def register_script(self, script: Any) -> Any:
        return super().register_script(_plain(script))

    def pipeline(self, *args: Any, **options: Any) -> Any:
        made: Any = super().pipeline(*args, **options)
        run = made.eval
        made.eval = lambda script, *words: run(_plain(script), *words)
        return made

    def info(self, *_: Any, **__: Any) -> Any:
        return _INFO


def _plain(script: str) -> str:
    first, _, body = script.partition("\n")
    body = body if first.startswith("#!") else script
    return body.replace("redis.sha1hex", _SHA1HEX).replace("redis.acl_check_cmd", "function() return true end")
