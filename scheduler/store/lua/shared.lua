-- The words every script shares; store/scripts.py puts this between a script's `#!lua` line and its body.
-- Expects KEYS[1] = timers:{p}:scheduled. Every other key is computed from it and carries its hash tag:
--   timers:{p}:scheduled                       ZSET   id -> ms it next needs a poller
--   timers:{p}:waiting                         ZSET   destination tag, or `!suspects` -> ms of the earliest that waits there
--   timers:{p}:waiting:<tag>                   ZSET   id -> ms it is to be sent; status scheduled, but its destination is at its
--                                                     share, or it lost two leases (tag `!suspects`)
--   timers:{p}:delivering                      ZSET   id -> ms its lease ends
--   timers:{p}:delivered | failed | cancelled  ZSET   id -> ms it is forgotten
--   timers:{p}:timer:<id>                      STRING first line `<created ms> <destination tag>`, then words ` name=value` in
--                                                     any order (store/record.py), unknown ones kept; rest opaque
--   timers:{p}:keys                            HASH   key -> id of the unfinished timer that has it
--   timers:{p}:tag:<tag>                       ZSET   id -> ms it is due; until the timer is forgotten
--   timers:{p}:claims                          HASH   id -> claim id, while leased
--   timers:{p}:progress                        HASH   id -> `attempts lost due planned why settled base`, then ` occurrence=<n>
--                                                     since=<attempts> reschedules=<n>` from the second occurrence on, and ` n=1`
--                                                     where it has a key or tags; once claimed or cancelled
--   timers:{p}:attempts:<id>                   LIST   JSON of the last 10 attempts
--   timers:{p}:lateness                        LIST   ms, of the last 1,000 attempts
--   timers:{p}:seen                            STRING `<ms of the last claim or renewal> <ms before which no lease is taken back>`
--   timers:{p}:lastclaim:<poller>              STRING claim id and ids of a poller's last claim
--   timers:{p}:counters                        HASH   sums: lost_leases, refused_settles, `ended:<reason>` of timers
--   timers:{p}:layout                          STRING `format=<n> partitions=<n> born=<ms>`, then any more words (store/layout.py)
--   timers:{p}:idem:<digest>                   STRING an idempotency key: the request it stands for, and the answer
--   timers:{p}:bell                            channel of the doorbell
-- Moments are ms since the epoch: whole numbers, written by int() because tostring() keeps 14 digits and the year 9999 has 15.

local ROOT = string.match(KEYS[1], '^timers:{%w+}:') -- the tag of each partition stands in store/keys.py
local SCHEDULED, WAITING, DELIVERING = KEYS[1], ROOT .. 'waiting', ROOT .. 'delivering'
local CLAIMS, PROGRESS = ROOT .. 'claims', ROOT .. 'progress'
local COUNTERS, BY_KEY = ROOT .. 'counters', ROOT .. 'keys'
local LAYOUT = ROOT .. 'layout' -- LAYOUT_BEGINS, which store/scripts.py puts before this file, is what ours begins with

local SUSPECTS = '!suspects' -- no destination's tag: those are base64
local SUSPECT_LOSSES = 2     -- lost leases that make a timer a suspect

local function int(number) return string.format('%.0f', number) end

local function now_us()
  local time = redis.call('TIME')
  return time[1] * 1000000 + time[2]
end

-- Lays out this partition, which has no layout, and returns that; of one that holds something, an older version wrote it.
local function lay_out()
  local found = redis.call('EXISTS', SCHEDULED, WAITING, DELIVERING, ROOT .. 'delivered', ROOT .. 'failed', ROOT .. 'cancelled', PROGRESS,
                           ROOT .. 'marker')
  if found > 0 then return 'format=0 ' end
  local layout = LAYOUT_BEGINS .. 'born=' .. int(math.floor(now_us() / 1000))
  redis.call('SET', LAYOUT, layout)
  return layout
end

-- Nothing if the store is laid out as its caller thinks, an empty one also from now on; else what the caller is to be told:
-- the store was moved, or upgraded, under a process that goes on writing. 1.3 us a call, whatever it does.
local function refuse_layout()
  local found = redis.call('GET', LAYOUT) or lay_out()
  if string.sub(found, 1, #LAYOUT_BEGINS) == LAYOUT_BEGINS and not string.find(found, ' moved=', 1, true) then return end
  return redis.error_reply('LAYOUT ' .. found)
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

-- The destination tag of a record, or nil if there is none.
local function destination_of(id)
  return string.match(redis.call('GETRANGE', record_key(id), 0, 63), '^%d+ (%S+)')
end

-- The first line of a record: 2,048 bytes hold the longest key, ten of the longest tags, and as much that is not known yet.
local function first_line(record) return string.match(string.sub(record, 1, 2048), '^[^\n]+') or '' end
local function read_first_line(id) return first_line(redis.call('GETRANGE', record_key(id), 0, 2047)) end

-- What a first line says under a name, or nil.
local function word(line, name) return string.match(line, ' ' .. name .. '=(%S+)') end

-- The head of a sorted set: id and score, or nil.
local function head(set)
  local first = redis.call('ZRANGE', set, 0, 0, 'WITHSCORES')
  if first[1] then return first[1], tonumber(first[2]) end
end

-- Wakes sleeping pollers if `moment` is before `earliest`, the head of the schedule before the change (nil: it was empty).
-- A store that refuses the channel does not undo what was written: pollers look by themselves within a second. /readyz tells.
local function ring(moment, earliest)
  if earliest and moment >= earliest then return end
  local answer = redis.pcall('SPUBLISH', ROOT .. 'bell', int(moment))
  if type(answer) == 'table' and answer.err then redis.pcall('HINCRBY', COUNTERS, 'refused_rings', 1) end
end

-- What has become of a timer since its first claim; `due` stands in for one never claimed.
-- planned: the moment it is to be sent, or once ended that of its end; why: what the next send says of itself (`-`: nothing), or
-- once ended the reason; settled: the last claim that was settled; base: attempts before due was last set, which do not count
-- against the timer's most; named: it has a key or tags.
-- again: nil in the first occurrence; else its number, the attempts before it (since), and how many receivers asked for.
local function read_progress(raw, due)
  local attempts, lost, first, planned, why, settled, base, words
  if raw then
    attempts, lost, first, planned, why, settled, base, words =
      string.match(raw, '^(%d+) (%d+) (%d+) (%d+) (%S+) (%S+) ?(%d*)(.*)$')
  end
  -- None, or one that cannot be read: one timer must not stop the script, and so all others.
  if not attempts then return { attempts = 0, lost = 0, due = due, planned = due, why = '-', settled = '-', base = 0 } end
  local it = { attempts = tonumber(attempts), lost = tonumber(lost), due = tonumber(first), planned = tonumber(planned),
               why = why, settled = settled, base = tonumber(base) or 0 }
  if words ~= '' then
    it.named = string.sub(words, -4) == ' n=1'
    local occurrence, since, reschedules = string.match(words, '^ occurrence=(%d+) since=(%d+) reschedules=(%d+)')
    if occurrence then
      it.again = { occurrence = tonumber(occurrence), since = tonumber(since), reschedules = tonumber(reschedules) }
    end
  end
  return it
end

local function is_progress_named(raw) return raw and string.sub(raw, -4) == ' n=1' end

local function load_progress(id, due) return read_progress(redis.call('HGET', PROGRESS, id), due) end

local function dump_progress(it)
  local words = it.named and ' n=1' or ''
  if it.again then
    words = string.format(' occurrence=%d since=%d reschedules=%d%s', it.again.occurrence, it.again.since, it.again.reschedules, words)
  end
  return string.format('%d %d %.0f %.0f %s %s %d%s', it.attempts, it.lost, it.due, it.planned, it.why, it.settled, it.base, words)
end

-- Begins the next occurrence, as often as the receiver is meant to act again; `asked` is 1 if it asked for that itself, else 0.
local function begin_occurrence(it, asked)
  local before = it.again or { occurrence = 1, reschedules = 0 }
  it.again = { occurrence = before.occurrence + 1, since = it.attempts, reschedules = before.reschedules + asked }
end

-- The progress of a timer that ends now, and its attempts, as text; `claim` if it is settled. Its numbers are passed on as they
-- are written: to read and write them would take twice as long, and every timer comes by here.
local ends = {} -- reason -> timers that this call has ended
local function end_progress(raw, reason, now, claim)
  local attempts, lost, due, settled, rest = string.match(raw or '', '^(%d+)( %d+)( %d+ )%d+ %S+ (%S+)(.*)$')
  if not attempts then return end_progress(dump_progress(read_progress(raw, now)), reason, now, claim) end
  if claim then lost, settled = ' 0', claim end -- it got through an attempt without taking its poller down
  ends[reason] = (ends[reason] or 0) + 1
  return attempts .. lost .. due .. int(now) .. ' ' .. reason .. ' ' .. settled .. rest, attempts
end

-- Adds to the sums what end_progress() has seen in this call.
local function count_ends()
  for reason, count in pairs(ends) do redis.call('HINCRBY', COUNTERS, 'ended:' .. reason, count) end
end

-- How many timers wait behind the destinations from one place to another in the order of their earliest timers. A thousand of
-- them take 1 ms, which is as many as one call counts.
local COUNTED = 1000
local function count_waiting(from, to)
  local count = 0
  for _, tag in ipairs(redis.call('ZRANGE', WAITING, from, to)) do count = count + redis.call('ZCARD', waiting_key(tag)) end
  return count
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
  local tag = destination_of(id)
  for _, behind in ipairs({ tag or SUSPECTS, SUSPECTS }) do
    due = redis.call('ZSCORE', waiting_key(behind), id)
    if due then return behind, tonumber(due) end
  end
end

-- A timer's status and score, and the tag it waits behind if it does; nothing if it is unknown.
local function standing(id)
  local behind, due = place(id)
  if due then return 'scheduled', due, behind end
  for _, status in ipairs({ 'delivering', 'delivered', 'failed', 'cancelled' }) do
    local score = redis.call('ZSCORE', ROOT .. status, id)
    if score then return status, tonumber(score) end
  end
end

-- Appends an attempt, of this number, to a timer's list.
local function note_attempt(id, json, number)
  redis.call('RPUSH', attempts_key(id), json)
  if number > 10 then redis.call('LTRIM', attempts_key(id), -10, -1) end
end

-- Appends what a reader wants of a timer: 10 values, with its attempt that ended last or ''.
local function describe(reply, id, status, score)
  local it = load_progress(id, score)
  local planned = status == 'scheduled' and score or it.planned
  local record, attempt = redis.call('GET', record_key(id)), redis.call('LINDEX', attempts_key(id), -1) or ''
  push(reply, id, status)
  push(reply, record, it.due)
  push(reply, planned, it.attempts)
  push(reply, attempt, it.why)
  push(reply, it.again and it.again.occurrence or 1, it.again and it.again.since or 0)
  return (record and #record or 0) + #attempt
end

-- Whether a record says a key or tags. Most first lines have no named word: one look finds their end.
local function is_named(record)
  local at = string.find(record, '[=\n]')
  if not at or string.sub(record, at, at) ~= '=' then return false end
  local line = first_line(record)
  return (word(line, 'key') or word(line, 'tags')) ~= nil
end

-- The key (or nil) and the tags that a first line says.
local function names_of(line)
  local tags = {}
  for tag in string.gmatch(word(line, 'tags') or '', '[^,]+') do push(tags, tag) end
  return word(line, 'key'), tags
end

-- The unfinished timer that has a key, other than `id`; or nil.
local function holder_of(key, id)
  local holder = redis.call('HGET', BY_KEY, key)
  if not holder or holder == id then return nil end
  local status = standing(holder)
  return (status == 'scheduled' or status == 'delivering') and holder or nil
end

-- Puts a timer where its key and its tags are looked up.
local function note_names(id, line, due)
  local key, tags = names_of(line)
  if key then redis.call('HSET', BY_KEY, key, id) end
  for _, tag in ipairs(tags) do redis.call('ZADD', tag_key(tag), int(due), id) end
end

-- Frees the key of a timer that has ended.
local function free_key(id, line)
  local key = names_of(line)
  if key and redis.call('HGET', BY_KEY, key) == id then redis.call('HDEL', BY_KEY, key) end
end

-- Takes a timer out of where its key and its tags are looked up; returns the number of tags.
local function forget_names(id, line)
  free_key(id, line)
  local _, tags = names_of(line)
  for _, tag in ipairs(tags) do redis.call('ZREM', tag_key(tag), id) end
  return #tags
end

-- Stores a new timer; `record` is without its created_at, which is `now`.
local function create(id, record, now, due)
  redis.call('SET', record_key(id), int(now) .. ' ' .. record)
  if is_named(record) then note_names(id, first_line(record), due) end
  redis.call('ZADD', SCHEDULED, int(due), id)
end

-- Drops what nobody needs of a cancelled timer: bodies, and headers where they are long. A record of at most 1 KiB stays whole;
-- of a larger one the first two lines, which then say ` cut=1`, or of a long second line its beginning, the URL and method.
local WHOLE, LINES = 1024, 2048
local function cut_record(id, line)
  if redis.call('STRLEN', record_key(id)) <= WHOLE then return end
  local rest = string.sub(redis.call('GETRANGE', record_key(id), 0, #line + LINES), #line + 2)
  local second = string.match(rest, '^([^\n]*)\n')
  if not second then
    rest = redis.call('GETRANGE', record_key(id), #line + 1, #line + 16384)
    local request = string.match(rest, '^{"url":"[^"\\]*"')
    second = request and request .. (string.match(rest, '^,"method":"%u+"', #request + 1) or '') .. '}'
    second = second or string.match(rest, '^[^\n]*')
  end
  redis.call('SET', record_key(id), line .. ' cut=1\n' .. second .. '\n')
end

-- Withdraws a scheduled timer that stands `behind` a tag, or in the schedule itself.
local function withdraw(id, due, behind, now, forget_at)
  local it, line = load_progress(id, due), read_first_line(id)
  it.named = is_named(line)
  local progress = end_progress(dump_progress(it), 'cancelled', now) -- its score goes; due_at stays readable
  redis.call('HSET', PROGRESS, id, progress)
  redis.call('ZADD', ROOT .. 'cancelled', int(forget_at), id)
  if behind then stop_waiting(id, behind) else redis.call('ZREM', SCHEDULED, id) end
  if it.named then free_key(id, line) end
  cut_record(id, line)
end

-- Ends a claimed timer that was not settled: it has failed.
local function fail(id, it, reason, now, forget_at)
  local progress = end_progress(dump_progress(it), reason, now)
  redis.call('HSET', PROGRESS, id, progress)
  redis.call('ZADD', ROOT .. 'failed', int(forget_at), id)
  if it.named then free_key(id, read_first_line(id)) end
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
