#!lua flags=no-writes
-- Counts the timers of one partition, and tells its sums. Of those that wait, behind the first 1,000 destinations: the rest is
-- for waiting.lua.
-- KEYS[1] timers:{p}:scheduled (ZSET)
-- Computes waiting, waiting:<tag>, delivering, delivered, failed, cancelled, counters, lateness
-- ARGV    reasons for which timers end
-- Returns now ms | scheduled | overdue | delivering | delivered | failed | cancelled | ms of the earliest scheduled or -1
--         | destinations that wait | ms the earliest lease ends or -1 | lost leases | refused settles | refused rings
--         | claims of what could not be read | per reason the timers that have ended so | then the latest latenesses, ms

local now = math.floor(now_us() / 1000)
local waiting, others = count_waiting(0, COUNTED - 1)
local _, due = head(SCHEDULED)
local _, waiting_due = head(WAITING)
local _, lease_end = head(DELIVERING)
local sums = redis.call('HMGET', COUNTERS, 'lost_leases', 'refused_settles', 'refused_rings', 'unreadable_claims')
local reply = {
  now,
  redis.call('ZCARD', SCHEDULED) + waiting,
  redis.call('ZCOUNT', SCHEDULED, '-inf', int(now)) + waiting,
  redis.call('ZCARD', DELIVERING),
  redis.call('ZCARD', ROOT .. 'delivered'),
  redis.call('ZCARD', ROOT .. 'failed'),
  redis.call('ZCARD', ROOT .. 'cancelled'),
  math.min(due or math.huge, waiting_due or math.huge),
  redis.call('ZCARD', WAITING) - others,
  lease_end or -1,
  tonumber(sums[1] or 0),
  tonumber(sums[2] or 0),
  tonumber(sums[3] or 0),
  tonumber(sums[4] or 0),
}
if reply[8] == math.huge then reply[8] = -1 end
for _, reason in ipairs(ARGV) do reply[#reply + 1] = tonumber(redis.call('HGET', COUNTERS, 'ended:' .. reason) or 0) end
for _, lateness in ipairs(redis.call('LRANGE', ROOT .. 'lateness', 0, -1)) do reply[#reply + 1] = tonumber(lateness) end
return reply
