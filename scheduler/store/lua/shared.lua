-- The words every script shares; store/scripts.py puts this between a script's `#!lua` line and its body.
-- Expects KEYS[1] = timers:{p}:scheduled. Every other key is computed from it and carries its hash tag:
--   timers:{p}:scheduled                       ZSET   id -> ms it next needs a poller
--   timers:{p}:waiting                         ZSET   destination tag, or `!suspects` -> ms of the earliest that waits there
--   timers:{p}:waiting:<tag>                   ZSET   id -> ms it is to be sent; status scheduled, but its destination is at its
--                                                     share, or it lost two leases (tag `!suspects`)
--   timers:{p}:delivering                      ZSET   id -> ms its lease ends
--   timers:{p}:delivered | failed | cancelled  ZSET   id -> ms it is forgotten
--   timers:{p}:timer:<id>                      STRING first line `<created ms> <flags> <destination tag>`; rest opaque
--   timers:{p}:claims                          HASH   id -> claim id, while leased
--   timers:{p}:progress                        HASH   id -> `attempts lost due planned why settled base`, once claimed or cancelled
--   timers:{p}:attempts:<id>                   LIST   JSON of the last 10 attempts
--   timers:{p}:lateness                        LIST   ms, of the last 1,000 attempts
--   timers:{p}:seen                            STRING `<ms of the last claim or renewal> <ms before which no lease is taken back>`
--   timers:{p}:lastclaim:<poller>              STRING claim id and ids of a poller's last claim
--   timers:{p}:counters                        HASH   sums
--   timers:{p}:bell                            channel of the doorbell
-- Moments are ms since the epoch: whole numbers, written by int() because tostring() keeps 14 digits and the year 9999 has 15.

local ROOT = string.match(KEYS[1], '^timers:{%d+}:')
local SCHEDULED, WAITING, DELIVERING = KEYS[1], ROOT .. 'waiting', ROOT .. 'delivering'
local CLAIMS, PROGRESS = ROOT .. 'claims', ROOT .. 'progress'
local COUNTERS = ROOT .. 'counters'

local SUSPECTS = '!suspects' -- no destination's tag: those are base64
local SUSPECT_LOSSES = 2     -- lost leases that make a timer a suspect

local function int(number) return string.format('%.0f', number) end

local function now_us()
  local time = redis.call('TIME')
  return time[1] * 1000000 + time[2]
end

local function record_key(id) return ROOT .. 'timer:' .. id end
local function attempts_key(id) return ROOT .. 'attempts:' .. id end
local function waiting_key(tag) return WAITING .. ':' .. tag end

-- Flags and destination tag of a record, or nil if there is none.
local function traits(id)
  return string.match(redis.call('GETRANGE', record_key(id), 0, 63), '^%d+ (%S+) (%S+)')
end

-- The head of a sorted set: id and score, or nil.
local function head(set)
  local first = redis.call('ZRANGE', set, 0, 0, 'WITHSCORES')
  if first[1] then return first[1], tonumber(first[2]) end
end

-- Wakes sleeping pollers if `moment` is before `earliest`, the head of the schedule before the change (nil: it was empty).
local function ring(moment, earliest)
  if not earliest or moment < earliest then redis.call('SPUBLISH', ROOT .. 'bell', int(moment)) end
end

-- What has become of a timer since its first claim; `due` stands in for one never claimed.
-- why: what the next send says of itself (`-`: nothing); settled: the last claim that was settled; base: attempts before due was
-- last set, which do not count against the timer's most.
local function read_progress(raw, due)
  local attempts, lost, first, planned, why, settled, base = string.match(raw or '', '^(%d+) (%d+) (%d+) (%d+) (%S+) (%S+) ?(%d*)')
  -- None, or one that cannot be read: one timer must not stop the script, and so all others.
  if not attempts then return { attempts = 0, lost = 0, due = due, planned = due, why = '-', settled = '-', base = 0 } end
  return { attempts = tonumber(attempts), lost = tonumber(lost), due = tonumber(first), planned = tonumber(planned),
           why = why, settled = settled, base = tonumber(base) or 0 }
end

local function load_progress(id, due) return read_progress(redis.call('HGET', PROGRESS, id), due) end

local function dump_progress(it)
  return table.concat({ it.attempts, it.lost, int(it.due), int(it.planned), it.why, it.settled, it.base }, ' ')
end

-- Lets a timer wait behind its destination, or among the suspects.
local function let_wait(id, tag, due)
  redis.call('ZADD', waiting_key(tag), int(due), id)
  redis.call('ZADD', WAITING, 'LT', int(due), tag)
end

-- Takes a timer out of where it waits; the tag goes with its last.
local function stop_waiting(id, tag)
  redis.call('ZREM', waiting_key(tag), id)
  local _, due = head(waiting_key(tag))
  if due then
    redis.call('ZADD', WAITING, int(due), tag)
  else
    redis.call('ZREM', WAITING, tag)
  end
end

-- Where a scheduled timer stands: the tag it waits behind (nil: in the schedule itself) and its score; nothing if it is
-- not scheduled.
local function place(id)
  local due = redis.call('ZSCORE', SCHEDULED, id)
  if due then return nil, tonumber(due) end
  local _, tag = traits(id)
  for _, behind in ipairs({ tag or SUSPECTS, SUSPECTS }) do
    due = redis.call('ZSCORE', waiting_key(behind), id)
    if due then return behind, tonumber(due) end
  end
end

-- Appends an attempt, of this number, to a timer's list.
local function note_attempt(id, json, number)
  redis.call('RPUSH', attempts_key(id), json)
  if number > 10 then redis.call('LTRIM', attempts_key(id), -10, -1) end
end

-- One command for many members, if there are any: a call from a script costs about 1 us, more than most of what it does.
local function many(command, key, arguments)
  if arguments[1] then redis.call(command, key, unpack(arguments)) end
end

local function push(list, ...)
  local n = #list
  for i = 1, select('#', ...) do list[n + i] = (select(i, ...)) end
end

-- Ends a claimed timer: from delivering to the set of its final status.
local function finish(id, status, forget_at)
  redis.call('ZADD', ROOT .. status, int(forget_at), id)
  redis.call('ZREM', DELIVERING, id)
  redis.call('HDEL', CLAIMS, id)
end

-- Removes every trace of a timer but its place in the sets.
local function erase(id)
  redis.call('DEL', record_key(id), attempts_key(id))
  redis.call('HDEL', PROGRESS, id)
  redis.call('HDEL', CLAIMS, id)
end

-- Notes that a poller was here; says whether expired leases may be taken back.
-- If nobody was here for more than half a lease, the store was away, not the pollers: every lease counts for one lease more.
local function seen(now, lease)
  local key = ROOT .. 'seen'
  local raw = redis.call('GET', key)
  local last, spared = now, 0
  if raw then
    last, spared = string.match(raw, '^(%d+) (%d+)$')
    last, spared = tonumber(last), tonumber(spared)
  end
  if now - last > lease / 2 then spared = now + lease end
  redis.call('SET', key, int(now) .. ' ' .. int(spared))
  return now >= spared
end
