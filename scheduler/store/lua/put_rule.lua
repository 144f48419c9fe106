#!lua
-- Writes what limits a destination into a store that is being filled with what another has, unless a rule stands there. Repeatable.
-- KEYS[1] timers:destination:{<tag>} (HASH)
-- Computes permits
-- ARGV    number of permits | per permit 2: ms its lease ends | the permit | then fields and values
-- Returns 1 if it wrote, else 0

local permits = 2 * tonumber(ARGV[1])

if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
redis.call('HSET', KEYS[1], unpack(ARGV, 2 + permits, #ARGV))
if permits > 0 then redis.call('ZADD', PERMITS, unpack(ARGV, 2, 1 + permits)) end
return 1
