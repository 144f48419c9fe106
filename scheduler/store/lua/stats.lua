#!lua flags=no-writes
-- Counts the timers of one partition, and tells its sums. Of those that wait, behind the first 1,000 destinations: the rest is
-- for waiting.lua.
-- KEYS[1] timers:{p}:scheduled (ZSET)
-- Computes waiting, behind, waiting:<tag>, delivering, delivered, failed, cancelled, counters, lateness
-- ARGV    number of reasons for which timers end, then these | words for why a moment of a schedule became no run
-- Returns StatsReply: now ms | scheduled | overdue | delivering | delivered | failed | cancelled | earliest ms at which a scheduled one
--         is due that is not held, or -1 | destinations that wait | lease_end ms of the earliest, or -1 | lost_leases | refused_settles
--         | refused_rings | unreadable_claims | ended: per reason the timers that have ended so | lateness: the latest, ms
--         | skipped: per word the moments that looks at schedules found to become no run

local now = math.floor(now_us() / 1000)
local waiting, others = count_waiting(0, COUNTED - 1)
local _, due = head(SCHEDULED)
local _, waiting_due = head(WAITING)
local _, lease_end = head(DELIVERING)
local sums = redis.call('HMGET', COUNTERS, 'lost_leases', 'refused_settles', 'refused_rings', 'unreadable_claims')
local ended, lateness, skipped = {}, {}, {}
local reasons = tonumber(ARGV[1] or 0)
for n = 2, 1 + reasons do push(ended, tonumber(redis.call('HGET', COUNTERS, 'ended:' .. ARGV[n]) or 0)) end
for n = 2 + reasons, #ARGV do push(skipped, tonumber(redis.call('HGET', COUNTERS, 'skipped:' .. ARGV[n]) or 0)) end
for _, ms in ipairs(redis.call('LRANGE', ROOT .. 'lateness', 0, -1)) do push(lateness, tonumber(ms)) end
local earliest = math.min(due or math.huge, waiting_due or math.huge)
return {
  now,
  redis.call('ZCARD', SCHEDULED) + waiting,
  redis.call('ZCOUNT', SCHEDULED, '-inf', int(now)) + waiting,
  redis.call('ZCARD', DELIVERING),
  redis.call('ZCARD', ROOT .. 'delivered'),
  redis.call('ZCARD', ROOT .. 'failed'),
  redis.call('ZCARD', ROOT .. 'cancelled'),
  earliest < math.huge and earliest or -1,
  redis.call('ZCARD', WAITING) + redis.call('ZCARD', BEHIND) - others,
  lease_end or -1,
  tonumber(sums[1] or 0),
  tonumber(sums[2] or 0),
  tonumber(sums[3] or 0),
  tonumber(sums[4] or 0),
  ended,
  lateness,
  skipped,
}
