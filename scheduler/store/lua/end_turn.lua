#!lua flags=allow-oom
-- Lets others turn the virtual clock again, unless another call turns it by now. Repeatable.
-- KEYS[1] timers:{p}:scheduled (ZSET)
-- Computes turning
-- ARGV    the word of the call that has ended
-- Returns 'done'

local TURNING = ROOT .. 'turning'
if redis.call('GET', TURNING) == ARGV[1] then redis.call('DEL', TURNING) end
return 'done'
