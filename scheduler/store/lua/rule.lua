#!lua flags=no-writes
-- Reads what limits one destination.
-- KEYS[1] timers:destination:{<tag>} (HASH)
-- Computes permits
-- ARGV    none
-- Returns now ms | permits of its concurrency that are given | then its fields and values (shared/rules.lua)

local now = math.ceil(now_us() / 1000)
return { now, redis.call('ZCOUNT', PERMITS, '(' .. int(now), '+inf'), unpack(redis.call('HGETALL', KEYS[1])) }
