#!lua flags=no-writes
-- Counts what waits behind some of the destinations at their share.
-- KEYS[1] timers:{p}:scheduled (ZSET)
-- Computes waiting, waiting:<tag>
-- ARGV    place of the first destination, in the order of their earliest timers | place of the last
-- Returns how many timers

local waiting = count_waiting(tonumber(ARGV[1]), tonumber(ARGV[2]))
return waiting
