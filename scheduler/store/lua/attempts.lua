#!lua flags=no-writes
-- Reads the attempts of a timer that have ended, oldest first.
-- KEYS[1] timers:{p}:scheduled (ZSET)
-- Computes timer:<id>, attempts:<id>
-- ARGV    id
-- Returns nil if it is unknown, else the JSON of each

if redis.call('EXISTS', record_key(ARGV[1])) == 0 then return false end
return redis.call('LRANGE', attempts_key(ARGV[1]), 0, -1)
