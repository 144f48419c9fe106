#!lua flags=allow-oom
-- Extends the leases of permits that are in use; one that has ended meanwhile stays so. Repeatable.
-- KEYS[1] timers:destination:{<tag>} (HASH)
-- Computes permits
-- ARGV    ms of the lease | then each permit
-- Returns 1

local ends = int(math.floor(now_us() / 1000) + tonumber(ARGV[1]))
local renewed = { 'XX', 'GT' }
for n = 2, #ARGV do push(renewed, ends, ARGV[n]) end
many('ZADD', PERMITS, renewed)
return 1
