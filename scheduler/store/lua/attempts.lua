#!lua flags=no-writes
-- Reads the attempts of a timer that have ended, oldest first.
-- KEYS[1] timers:{p}:scheduled (ZSET)
-- Computes timer:<id>, progress, attempts:<id>
-- ARGV    id
-- Returns nil if it is unknown, else the JSON of each

local id = ARGV[1]

if redis.call('EXISTS', record_key(id)) == 0 then return false end
local noted = load_progress(id).noted
return noted and { noted } or redis.call('LRANGE', attempts_key(id), 0, -1)
