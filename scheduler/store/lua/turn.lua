#!lua flags=allow-oom
-- Turns the virtual clock of a partition forward, never back, and tells what is due by it and what is under way. Repeatable.
-- KEYS[1] timers:{p}:scheduled (ZSET)
-- Computes waiting, waiting:<tag>, delivering, ahead, counters, bell, minute:<n>, layout
-- ARGV    us by which the clock shall be ahead of the server's, at least
-- Returns TurnReply: now us | ahead us, of the server's clock | due timers | delivering | next_due ms of the timers that are not due,
--         or -1 | minute, as minute:<n> counts them | attempts that were over in it | before: attempts in the minute before

local refused = refuse_layout()
if refused then return refused end

local AHEAD = ROOT .. 'ahead'
local wanted = tonumber(ARGV[1])
if wanted > tonumber(redis.call('GET', AHEAD) or 0) then
  redis.call('SET', AHEAD, int(wanted))
  ring(0) -- all pollers sleep until a moment of the clock as it was
end

local function attempts_in(minute)
  local found = redis.call('HMGET', minute_key(minute), 'at', 'attempts')
  return found[1] == int(minute) and tonumber(found[2] or 0) or 0
end

local us = now_us()
local now, minute = math.floor(us / 1000), math.floor(us / 60000000)
local waiting = count_waiting(0, COUNTED - 1)
local later = redis.call('ZRANGEBYSCORE', SCHEDULED, '(' .. int(now), '+inf', 'WITHSCORES', 'LIMIT', 0, 1)
return {
  us,
  tonumber(redis.call('GET', AHEAD) or 0),
  redis.call('ZCOUNT', SCHEDULED, '-inf', int(now)) + waiting,
  redis.call('ZCARD', DELIVERING),
  tonumber(later[2] or -1),
  minute,
  attempts_in(minute),
  attempts_in(minute - 1),
}
