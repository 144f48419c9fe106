-- The keys of one partition, and the words every script shares; store/scripts.py puts what a script uses of shared/ before its body.
-- KEYS[1] is timers:{p}:scheduled. Every other key is computed from it and carries its hash tag:
--   timers:{p}:scheduled                       ZSET   id -> ms it next needs a poller
--   timers:{p}:waiting                         ZSET   destination tag, `!suspects` or `!v<n>` -> ms of the earliest that waits there
--   timers:{p}:waiting:<tag>                   ZSET   id -> ms it is to be sent; status scheduled, but its destination is at its
--                                                     share, or it lost two leases (tag `!suspects`), or callers that know format
--                                                     n are to send it (tag `!v<n>`)
--   timers:{p}:prior                           ZSET   id -> where it stands in the order, of timers that wait with a priority
--                                                     (shared/priority.lua)
--   timers:{p}:prior:<tag>                     ZSET   id -> ms it is to be sent less its head start, of those in waiting:<tag>
--   timers:{p}:expiring                        ZSET   id -> ms after which it is not sent, of timers in a waiting:<tag> that say so
--   timers:{p}:held                            HASH   destination tag -> its hold (shared/holds.lua): of it is taken what a permit
--                                                     names, and nothing else
--   timers:{p}:holds                           STRING `<changes> <1, or 0: none is held> <n>`: of those before the n-th is not
--                                                     known any more which ended holds; then on a line of its own the number of
--                                                     the last change of signing
--   timers:{p}:changed                         ZSET   held destination tag -> number of the change that set its hold
--   timers:{p}:unheld                          ZSET   destination tag -> number of the change that ended its hold; at most 1,000
--   timers:{p}:untold                          ZSET   `<destination tag> <chance>` -> ms since when its rule is being changed:
--                                                     not every partition knows of it yet
--   timers:{p}:behind                          ZSET   held destination tag whose due timers wait in waiting:<tag> -> ms from which
--                                                     permits may be asked for
--   timers:{p}:signing                         HASH   tag of a destination that has, or had, secrets of its own -> which sign
--                                                     (shared/holds.lua)
--   timers:{p}:signing_changes                 ZSET   the same tag -> number of the last change of that
--   timers:{p}:delivering                      ZSET   id -> ms its lease ends
--   timers:{p}:delivered | failed | cancelled  ZSET   id -> ms it is forgotten
--   timers:{p}:unread                          ZSET   id -> ms it ended, of those that a history has yet to read
--   timers:{p}:timer:<id>                      STRING first line `<created ms> <destination tag>`, then words ` name=value` in
--                                                     any order (store/record.py), unknown ones kept; rest opaque
--   timers:{p}:keys                            HASH   key -> id of the unfinished timer that has it
--   timers:{p}:tag:<tag>                       ZSET   id -> ms it is due; until the timer is forgotten
--   timers:{p}:progress                        HASH   id -> words `name=value` (shared/progress.lua), then on a line of its own
--                                                     the JSON of its first attempt; once claimed or cancelled
--   timers:{p}:attempts:<id>                   LIST   JSON of the last 10 attempts, from the second on
--   timers:{p}:lateness                        LIST   ms, of the last 1,000 attempts
--   timers:{p}:seen                            STRING `<ms of the last claim or renewal> <ms before which no lease is taken back>`
--   timers:{p}:lastclaim:<poller>              STRING claim id and ids of a poller's last claim
--   timers:{p}:counters                        HASH   sums: lost_leases, refused_settles, refused_rings, unread_given_up,
--                                                     unreadable_claims, `ended:<reason>` of timers, `skipped:<why>` of
--                                                     moments that became no run of their schedule
--   timers:{p}:minute:<n>                      HASH   what happened in one minute, the n-th of a day (shared/minutes.lua)
--   timers:{p}:pollers                         ZSET   poller -> ms it was seen last; at most 1,000
--   timers:{p}:loads                           HASH   poller -> `<attempts under way> <of so many at most>`, as it was seen last
--   timers:{p}:failing                         ZSET   destination tag -> ms of its last failed attempt, since when none was
--                                                     delivered; at most 1,000
--   timers:{p}:failures                        HASH   destination tag -> words ` name=value` (shared/failing.lua)
--   timers:{p}:observed                        HASH   destination tag -> words ` name=value` (shared/observed.lua)
--   timers:{p}:busiest                         ZSET   destination tag -> attempts that were made there; at most 10,000
--   timers:{p}:reported:<poller>               STRING id of a poller's last report
--   timers:{p}:layout                          STRING `format=<n> partitions=<n> born=<ms>`, `clock=virtual` after the format if it is so,
--                                                     ` prior=1` once there were timers with a priority, ` history=1` while ends
--                                                     are noted for a history, ` history=0` once no more, then any more words
--                                                     (store/layout.py)
--   timers:{p}:ahead                           STRING us by which a virtual clock is ahead (shared/virtual_clock.lua)
--   timers:{p}:turning                         STRING who turns a virtual clock now, in the first partition
--   timers:{p}:aging                           STRING JSON of the idempotency keys that he has yet to age (store/aging.py), there too
--   timers:{p}:schedules                       ZSET   name of each schedule -> 0
--   timers:{p}:schedule:<name>                 HASH   what it is, and how it stands (shared/schedules.lua)
--   timers:{p}:planned                         ZSET   schedule -> ms at which a poller is to look at it, within a day
--   timers:{p}:planning                        HASH   schedule -> id of the poller's look at it that is under way
--   timers:{p}:runs:<name>                     ZSET   id -> ms a timer is due that this schedule made; until it is forgotten
--   timers:{p}:open:<name>                     ZSET   the same of those that have not ended; others are met there too, after a
--                                                     version ended them that knows no schedules
--   timers:{p}:idem:<digest>                   STRING an idempotency key: the request it stands for, and the answer
--   timers:{p}:session:<digest>                STRING of the token of somebody who signed in: name and digest of the API key
--   timers:{p}:receipts                        STRING how often somebody waited for the durability of a write (store/receipts.py)
--   timers:{p}:bell                            channel of the doorbell
-- Moments are ms since the epoch: whole numbers, written by int() because tostring() keeps 14 digits and the year 9999 has 15.
-- Where a moment is only passed on it stays the text that the store gave, digits: int() takes 1.4 us.

-- The tag of each partition stands in store/keys.py. What runs in the slot of a destination goes by the first partition's clock.
local ROOT = string.match(KEYS[1], '^timers:{%w+}:') or 'timers:{0}:'
local SCHEDULED, WAITING, DELIVERING = KEYS[1], ROOT .. 'waiting', ROOT .. 'delivering'
local PROGRESS, COUNTERS, BY_KEY = ROOT .. 'progress', ROOT .. 'counters', ROOT .. 'keys'

local EXPIRING = ROOT .. 'expiring'

local function int(number) return string.format('%.0f', number) end

local function now_us()
  local time = redis.call('TIME')
  return time[1] * 1000000 + time[2]
end

-- One command for many members, if there are any: a call from a script costs about 1 us, more than most of what it does.
local function many(command, key, arguments)
  if arguments[1] then redis.call(command, key, unpack(arguments)) end
end

-- Appends one or two. A function of any number takes twice as long, and this is called ten times for a timer.
local function push(list, first, second)
  local n = #list
  list[n + 1], list[n + 2] = first, second
end

local function record_key(id) return ROOT .. 'timer:' .. id end
local function attempts_key(id) return ROOT .. 'attempts:' .. id end
local function waiting_key(tag) return WAITING .. ':' .. tag end

local function tag_key(tag) return ROOT .. 'tag:' .. tag end

-- The member of a sorted set with the lowest score: id and score, or nil.
local function head(set)
  local first = redis.call('ZRANGE', set, 0, 0, 'WITHSCORES')
  if first[1] then return first[1], tonumber(first[2]) end
end

-- Whether one member stands before another. Lua's own `<` goes by the locale of the server, sorted sets go by bytes.
local function precedes(one, other)
  for i = 1, math.min(#one, #other) do
    local a, b = string.byte(one, i), string.byte(other, i)
    if a ~= b then return a < b end
  end
  return #one < #other
end

-- How many members of a sorted set stand before (score, member); those of one score are halved until it is found, 14 looks among
-- 10,000.
local function rank(set, score, member)
  local low = redis.call('ZCOUNT', set, '-inf', '(' .. int(score))
  local high = low + redis.call('ZCOUNT', set, int(score), int(score))
  while low < high do
    local middle = math.floor((low + high) / 2)
    if precedes(redis.call('ZRANGE', set, middle, middle)[1], member) then low = middle + 1 else high = middle end
  end
  return low
end

-- Wakes sleeping pollers if `moment` is before `earliest`, the head of the schedule before the change (nil: it was empty).
-- A store that refuses the channel does not undo what was written: pollers look by themselves within a second. /readyz tells.
local function ring(moment, earliest)
  if earliest and moment >= earliest then return end
  local answer = redis.pcall('SPUBLISH', ROOT .. 'bell', int(moment))
  if type(answer) == 'table' and answer.err then redis.pcall('HINCRBY', COUNTERS, 'refused_rings', 1) end
end
