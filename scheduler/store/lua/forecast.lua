#!lua flags=no-writes
-- Counts the timers of the schedule that fall due in each of some buckets; what is due already is in none.
-- KEYS[1] timers:{p}:scheduled (ZSET)
-- Computes none
-- ARGV    ms at which the first bucket begins, or '': the one that holds now | ms of each | how many
-- Returns now ms | ms at which the first bucket begins | then per bucket how many timers

local by, count = tonumber(ARGV[2]), tonumber(ARGV[3])
local now = math.floor(now_us() / 1000)
local first = tonumber(ARGV[1]) or math.floor(now / by) * by
local reply = { now, first }
for at = first, first + (count - 1) * by, by do
  push(reply, redis.call('ZCOUNT', SCHEDULED, at > now and int(at) or '(' .. int(now), '(' .. int(at + by)))
end
return reply
