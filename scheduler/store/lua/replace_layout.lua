#!lua flags=allow-oom
-- Writes the layout of a partition, if it is as its caller has read it: a store that is moved is closed and opened so. Repeatable.
-- KEYS[1] timers:{p}:scheduled (ZSET)
-- Computes layout
-- ARGV    the layout as read, '' of a partition that has none | the new one
-- Returns the layout that stands now

local stands = redis.call('GET', LAYOUT) or ''
if stands ~= ARGV[1] then return stands end
redis.call('SET', LAYOUT, ARGV[2])
return ARGV[2]
