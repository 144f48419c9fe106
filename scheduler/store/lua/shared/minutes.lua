-- What happened in each minute of the last day: a ring of 1,440 hashes, of which each names the minute that it is about in `at`
-- (minutes since the epoch) and is emptied when another begins. Besides:
--   set               timers that were stored
--   attempts, failed_attempts
--                     that were settled or lost, and those of them that were not delivered
--   delivered, failed, cancelled
--                     timers that ended so
--   worst             ms: the greatest lateness
--   <bound>, beyond   attempts whose lateness was at most so many ms (store/lateness.py), and more than the bound before
-- What a store refused in its middle is not counted: the repeat of the call finds it done.

local happened, worst = {}, -1

local function minute_key(minute) return ROOT .. 'minute:' .. minute % 1440 end

-- Adds to a sum of this minute.
local function count_minute(name, times) happened[name] = (happened[name] or 0) + times end

-- The smallest bound that is no less than `ms`, by halves.
local function bound_of(ms)
  local low, high = 1, #LATENESS_BOUNDS + 1
  while low < high do
    local middle = math.floor((low + high) / 2)
    if LATENESS_BOUNDS[middle] < ms then low = middle + 1 else high = middle end
  end
  return LATENESS_BOUNDS[low] and int(LATENESS_BOUNDS[low]) or 'beyond'
end

-- Counts attempts by how late they were: many of a call are equally late, and are looked up once.
local function count_latenesses(latenesses)
  local times = {}
  for _, ms in ipairs(latenesses) do times[ms] = (times[ms] or 0) + 1 end
  for text, count in pairs(times) do
    local ms = tonumber(text)
    count_minute(bound_of(ms), count)
    worst = math.max(worst, ms)
  end
end

-- Two commands for all that a call counts: each costs a script 1 us.
local function write_happened()
  if not next(happened) then return end
  local minute = math.floor(now_us() / 60000000)
  local key, at, names = minute_key(minute), int(minute), { 'at', 'worst' }
  for name in pairs(happened) do push(names, name) end
  local sums = redis.call('HMGET', key, unpack(names))
  if sums[1] ~= at then
    redis.call('DEL', key)
    sums = {}
  end
  local fields = { 'at', at }
  if worst >= 0 then push(fields, 'worst', int(math.max(worst, tonumber(sums[2] or 0)))) end
  for n = 3, #names do push(fields, names[n], int((sums[n] or 0) + happened[names[n]])) end
  redis.call('HSET', key, unpack(fields))
  happened, worst = {}, -1
end
