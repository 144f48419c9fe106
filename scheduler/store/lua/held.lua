#!lua flags=no-writes
-- Tells the holds of one partition, unless they are as the caller knows them.
-- KEYS[1] timers:{p}:scheduled (ZSET)
-- Computes held, holds
-- ARGV    `holds` as the caller knows it
-- Returns `holds` as it is, or '' | if that is another, per held destination 2: its tag | its hold

local holds = redis.call('GET', HOLDS) or ''
return { holds, holds ~= ARGV[1] and redis.call('HGETALL', HELD) or {} }
