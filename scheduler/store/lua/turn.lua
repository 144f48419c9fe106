#!lua flags=allow-oom
-- Turns the virtual clock of a partition forward, never back, and tells what is due by it and what is under way. Repeatable.
-- It turns nothing while something is due or under way, and no further than to the next due moment: what was set or taken since
-- the caller looked is sent at its moment, too, and keeps its lease.
-- Schedules that are to be looked at are due, and those are under way that a poller looks at.
-- What has expired behind its destination is due: a poller is to end it.
-- KEYS[1] timers:{p}:scheduled (ZSET)
-- Computes waiting, waiting:<tag>, behind, expiring, delivering, ahead, counters, bell, minute:<n>, planned, planning, layout
-- ARGV    us by which the clock shall be ahead of the server's, at least
-- Returns TurnReply: now us | ahead us, of the server's clock | due timers and schedules | delivering | next_due ms of those that
--         are not due, or -1 | minute, as minute:<n> counts them | attempts that were over in it | before: attempts in the minute before

local refused = refuse_layout()
if refused then return refused end

local LOOKS = 1000 -- schedules that are looked through for those that a poller looks at

local AHEAD = ROOT .. 'ahead'

local function read_ahead() return tonumber(redis.call('GET', AHEAD) or 0) end

-- How many schedules a poller looks at; some of them, if there are many.
local function count_looks(now)
  local names = redis.call('ZRANGEBYSCORE', PLANNED, '(' .. int(now), '+inf', 'LIMIT', 0, LOOKS)
  local looks = 0
  if not names[1] then return 0 end
  for _, look in ipairs(redis.call('HMGET', PLANNING, unpack(names))) do looks = looks + (look and 1 or 0) end
  return looks
end

local function count_due()
  local now = math.floor(now_us() / 1000)
  local due = redis.call('ZCOUNT', SCHEDULED, '-inf', int(now)) + redis.call('ZCOUNT', PLANNED, '-inf', int(now))
  -- What is held is due when permits may be asked for: a destination that is paused stops no clock.
  local waiting = count_waiting(0, math.min(COUNTED, redis.call('ZCARD', WAITING)) - 1)
  local expired = redis.call('ZCOUNT', EXPIRING, '-inf', '(' .. int(now))
  return due + waiting + expired + redis.call('ZCOUNT', BEHIND, '-inf', int(now)) + count_looks(now)
end

local wanted, ahead = tonumber(ARGV[1]), read_ahead()
if wanted > ahead and redis.call('ZCARD', DELIVERING) == 0 and count_due() == 0 then
  local _, due = head(SCHEDULED)
  local _, look = head(PLANNED)
  local _, ready = head(BEHIND)
  local _, expiry = head(EXPIRING)
  local earliest = math.min(due or math.huge, look or math.huge, ready or math.huge, (expiry or math.huge) + 1)
  redis.call('SET', AHEAD, int(math.min(wanted, ahead + earliest * 1000 - now_us())))
  ring(0) -- all pollers sleep until a moment of the clock as it was
end

local function attempts_in(minute)
  local found = redis.call('HMGET', minute_key(minute), 'at', 'attempts')
  return found[1] == int(minute) and tonumber(found[2] or 0) or 0
end

local us = now_us()
local now, minute = math.floor(us / 1000), math.floor(us / 60000000)
local function first_after(set)
  return tonumber(redis.call('ZRANGEBYSCORE', set, '(' .. int(now), '+inf', 'WITHSCORES', 'LIMIT', 0, 1)[2] or math.huge)
end
local expired = tonumber(redis.call('ZRANGEBYSCORE', EXPIRING, int(now), '+inf', 'WITHSCORES', 'LIMIT', 0, 1)[2] or math.huge) + 1
local next_due = math.min(first_after(SCHEDULED), first_after(PLANNED), first_after(BEHIND), expired)
if next_due >= LAST_MOMENT then next_due = math.huge end -- of what waits until somebody ends a hold
return {
  us,
  read_ahead(),
  count_due(),
  redis.call('ZCARD', DELIVERING),
  next_due < math.huge and next_due or -1,
  minute,
  attempts_in(minute),
  attempts_in(minute - 1),
}
