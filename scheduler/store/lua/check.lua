#!lua
-- Writes the marker of this installation. A store that refuses writes, or is full, refuses this script: it is the readiness test.
-- KEYS[1] timers:{p}:scheduled (ZSET)
-- Computes marker (STRING)
-- ARGV    the marker to write where there is none
-- Returns the marker that stood there before, or nil: a new store, or one that came back empty

local MARKER = ROOT .. 'marker'
local before = redis.call('GET', MARKER)
redis.call('SET', MARKER, before or ARGV[1])
return before
