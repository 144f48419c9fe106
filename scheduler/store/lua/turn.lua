#!lua flags=allow-oom
-- Turns the virtual clock of a partition forward, never back, and tells what is due by it and what is under way. Repeatable.
-- It turns nothing while something is due or under way, and no further than to the next due moment: what was set or taken since
-- the caller looked is sent at its moment, too, and keeps its lease.
-- KEYS[1] timers:{p}:scheduled (ZSET)
-- Computes waiting, waiting:<tag>, delivering, ahead, counters, bell, minute:<n>, layout
-- ARGV    us by which the clock shall be ahead of the server's, at least
-- Returns TurnReply: now us | ahead us, of the server's clock | due timers | delivering | next_due ms of the timers that are not due,
--         or -1 | minute, as minute:<n> counts them | attempts that were over in it | before: attempts in the minute before

local refused = refuse_layout()
if refused then return refused end

local AHEAD = ROOT .. 'ahead'

local function read_ahead() return tonumber(redis.call('GET', AHEAD) or 0) end

local function count_due()
  local waiting = count_waiting(0, COUNTED - 1)
  return redis.call('ZCOUNT', SCHEDULED, '-inf', int(math.floor(now_us() / 1000))) + waiting
end

local wanted, ahead = tonumber(ARGV[1]), read_ahead()
if wanted > ahead and redis.call('ZCARD', DELIVERING) == 0 and count_due() == 0 then
  local _, earliest = head(SCHEDULED)
  redis.call('SET', AHEAD, int(math.min(wanted, ahead + (earliest or math.huge) * 1000 - now_us())))
  ring(0) -- all pollers sleep until a moment of the clock as it was
end

local function attempts_in(minute)
  local found = redis.call('HMGET', minute_key(minute), 'at', 'attempts')
  return found[1] == int(minute) and tonumber(found[2] or 0) or 0
end

local us = now_us()
local now, minute = math.floor(us / 1000), math.floor(us / 60000000)
local later = redis.call('ZRANGEBYSCORE', SCHEDULED, '(' .. int(now), '+inf', 'WITHSCORES', 'LIMIT', 0, 1)
return {
  us,
  read_ahead(),
  count_due(),
  redis.call('ZCARD', DELIVERING),
  tonumber(later[2] or -1),
  minute,
  attempts_in(minute),
  attempts_in(minute - 1),
}
