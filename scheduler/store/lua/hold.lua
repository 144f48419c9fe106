#!lua flags=allow-oom
-- Sets and ends holds of destinations. One of an older revision than stands changes nothing. Repeatable.
-- Due timers that wait already go on waiting where they are: what serves them from now on looks for them by another index.
-- KEYS[1] timers:{p}:scheduled (ZSET)
-- Computes held, holds, changed, unheld, behind, waiting, waiting:<tag>, counters, bell, layout
-- ARGV    per destination 4: its tag | revision of its rule | ms from which permits may be asked for, or '': it is not held any more
--         | who holds it, us between two attempts of a rate, and on a line of its own why
-- Returns how many holds are others than before | the newest revision that stands where this call told an older one, else 0

local FIRST, FIELDS = 1, 4 -- where the first destination's arguments begin, and how many each has
local REMEMBERED = 1000    -- holds that have ended, by which those who looked since learn of it

local refused = refuse_layout()
if refused then return refused end

local before = redis.call('GET', HOLDS) or ''
local number, floor = string.match(before, '^(%d+) %d (%d+)')
number, floor = tonumber(number or 0), tonumber(floor or 0)

-- Of two indexes one that is told of a destination whose timers wait, before the other forgets it.
local function move_index(tag, from, to, ends)
  if not redis.call('ZSCORE', from, tag) then return end
  local _, due = head(waiting_key(tag))
  if due then redis.call('ZADD', to, int(math.max(due, ends)), tag) end
  redis.call('ZREM', from, tag)
end

local newest = 0

local function is_newer(stands, revision)
  local stands_at = tonumber(string.match(stands or '0', '^%d+'))
  if stands_at <= tonumber(revision) then return false end
  newest = math.max(newest, stands_at)
  return true
end

local function set_hold(tag, revision, ends, words)
  local hold = revision .. ' ' .. ends .. ' ' .. words
  local stands = redis.call('HGET', HELD, tag)
  if is_newer(stands, revision) then return 0 end
  if stands ~= hold then
    redis.call('HSET', HELD, tag, hold)
    number = number + 1
    redis.call('ZADD', CHANGED, number, tag)
    redis.call('ZREM', UNHELD, tag)
  end
  move_index(tag, WAITING, BEHIND, tonumber(ends))
  -- Also of one that stands so: the clock may have been set back since somebody said when it is worth asking again.
  local _, due = head(waiting_key(tag))
  if due then redis.call('ZADD', BEHIND, 'XX', int(math.max(due, tonumber(ends))), tag) end
  return stands == hold and 0 or 1
end

local function end_hold(tag, revision)
  local stands = redis.call('HGET', HELD, tag)
  if not stands or is_newer(stands, revision) then return 0 end
  move_index(tag, BEHIND, WAITING, 0)
  number = number + 1
  redis.call('ZADD', UNHELD, number, tag)
  redis.call('ZREM', CHANGED, tag)
  redis.call('HDEL', HELD, tag)
  return 1
end

local changed = 0
for at = FIRST, #ARGV, FIELDS do
  local tag, revision, ends, words = unpack(ARGV, at, at + FIELDS - 1)
  changed = changed + (ends == '' and end_hold(tag, revision) or ends ~= '' and set_hold(tag, revision, ends, words) or 0)
end
if changed > 0 then
  local excess = redis.call('ZCARD', UNHELD) - REMEMBERED
  if excess > 0 then
    local forgotten = redis.call('ZRANGE', UNHELD, 0, excess - 1)
    floor = tonumber(redis.call('ZSCORE', UNHELD, forgotten[#forgotten]))
    redis.call('ZREM', UNHELD, unpack(forgotten))
  end
  redis.call('SET', HOLDS, int(number) .. ' ' .. redis.call('EXISTS', HELD) .. ' ' .. int(floor) .. (string.match(before, '\n.*') or ''))
  ring(0) -- whoever sleeps looks at once
end
return { changed, newest }
