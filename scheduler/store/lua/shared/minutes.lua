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

-- Counts attempts by how late they were, under the smallest bound that is no less: many of a call are equally late, and are looked
-- up once, by halves.
local function count_latenesses(latenesses)
  local times = {}
  for n = 1, #latenesses do times[latenesses[n]] = (times[latenesses[n]] or 0) + 1 end
  for text, count in pairs(times) do
    local ms, low, high = tonumber(text), 1, #LATENESS_BOUNDS + 1
    while low < high do
      local middle = (low + high - (low + high) % 2) / 2
      if LATENESS_BOUNDS[middle] < ms then low = middle + 1 else high = middle end
    end
    local bound = LATENESS_BOUNDS[low] or 'beyond'
    happened[bound] = (happened[bound] or 0) + count
    if ms > worst then worst = ms end
  end
end

-- Two commands for all that a call counts: each costs a script 1 us. Numbers that are arguments keep 17 digits.
local function write_happened()
  if not next(happened) then return end
  local minute = math.floor(now_us() / 60000000)
  local key, at, names = minute_key(minute), int(minute), { 'at', 'worst' }
  for name in pairs(happened) do names[#names + 1] = name end
  local sums = redis.call('HMGET', key, unpack(names))
  if sums[1] ~= at then
    redis.call('DEL', key)
    sums = {}
  end
  local fields = { 'at', at }
  for n = 3, #names do
    fields[2 * n - 3], fields[2 * n - 2] = names[n], (sums[n] or 0) + happened[names[n]]
  end
  if worst > tonumber(sums[2] or -1) then push(fields, 'worst', worst) end
  redis.call('HSET', key, unpack(fields))
  happened, worst = {}, -1
end
