#!lua flags=no-writes
-- Counts what waits behind some of the destinations at their share, or held.
-- KEYS[1] timers:{p}:scheduled (ZSET)
-- Computes waiting, waiting:<tag>, behind
-- ARGV    place of the first destination, as count_waiting() has them | place of the last
-- Returns how many timers

local waiting = count_waiting(tonumber(ARGV[1]), tonumber(ARGV[2]))
return waiting
