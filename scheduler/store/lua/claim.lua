#!lua flags=allow-oom
-- Takes due timers under a lease: first those whose lease ended, then those that wait behind their destination, then what is due.
-- Of a saturated destination nothing is taken: its due timers move to waiting:<tag>, one move each, out of the others' way.
-- Repeatable: the same claim id again returns the same batch and takes nothing new.
-- KEYS[1] timers:{p}:scheduled (ZSET)
-- Computes waiting, waiting:<tag>, delivering, failed, delivered, cancelled, timer:<id>, keys, tag:<tag>, claims, progress,
--         attempts:<id>, seen, lastclaim:<poller>, counters, layout
-- ARGV    poller | claim id | limit | timers of one destination it takes at most | lease ms | ms a failed timer is kept
--         | finished timers kept per status | bytes of records it takes, the last one more | saturated tags (`!suspects`: one)
--         | tags that answer, or '*': all do | timers of all newcomers, which are neither, that it takes at most
--         | and of these so many beyond the first of each
--         Tags stand in one string, each between blanks: a thousand of them cost a claim 16 us, as arguments of their own 190.
-- Returns now us | us until the caller should come again (0: now, -1: nothing is scheduled)
--         then per timer 8: id | record | attempt | attempts before due was last set | due ms | planned ms | why
--         | `<lost leases> <occurrence> <of these, asked for by receivers>`, or '' for most: 0 1 0

local poller, claim, limit, share = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local lease, keep_failed, keep_finished = tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7])
local max_bytes, saturated, answering = tonumber(ARGV[8]), ARGV[9], ARGV[10]
local newcomers, beyond_first = tonumber(ARGV[11]), tonumber(ARGV[12])

local LAST_CLAIM = ROOT .. 'lastclaim:' .. poller
local LAST_CLAIM_TTL = 21600000 -- ms in which a lost reply may be asked for again: longer than the store is ever away
local MAX_LOST = 3              -- lost leases that fail a timer
local LOOK = 384                -- due timers looked at in one call, taken or moved: to move one costs 7 us
local LOOK_BYTES = 4194304      -- and of their records
local READ, READ_LARGE = 16, 2  -- records read in one command; the first, and where they are large
local LARGE = 8192              -- bytes of a record that is large
local LOOK_WAITING = 100        -- destinations looked at: those that wait longest, as many that answer, as many from anywhere
local FORGET_WORK = 400         -- timers and names of theirs forgotten in one call, or as many timers as it takes
local FORGET = 100              -- overdue finished timers forgotten per status and claim, or twice the limit if that is more
local AGAIN = 50000             -- us until a caller with nothing else to do should come again for what was left undone: a poller
                                -- then forgets 3,800 a second, a million in under five minutes

local refused = refuse_layout()
if refused then return refused end

local us = now_us()
local now = math.floor(us / 1000)
local reply = { us, -1 }
local taken, bytes = {}, 0
local more_expired, left_undone = false, false

local function is_among(tag, tags) return string.find(tags, ' ' .. tag .. ' ', 1, true) ~= nil end

-- How many more of each tag the caller may take.
local rooms, is_newcomer = { [SUSPECTS] = is_among(SUSPECTS, saturated) and 0 or 1 }, {}
local function room(tag)
  local left = rooms[tag]
  if not left then
    left = is_among(tag, saturated) and 0 or share
    is_newcomer[tag] = answering ~= '*' and not is_among(tag, answering)
    rooms[tag] = left
  end
  if is_newcomer[tag] then return math.min(left, newcomers, left == share and 1 or beyond_first) end
  return left
end

local function use_room(tag)
  rooms[tag] = rooms[tag] - 1
  if is_newcomer[tag] then newcomers, beyond_first = newcomers - 1, beyond_first - 1 end
end

local function full() return #taken >= limit or bytes >= max_bytes end

local function give(id, record, it)
  taken[#taken + 1] = id
  bytes = bytes + #record
  push(reply, id, record)
  push(reply, it.attempts, it.base)
  push(reply, it.due, it.planned)
  local again = it.again
  push(reply, it.why, (again or it.lost > 0)
       and string.format('%d %d %d', it.lost, again and again.occurrence or 1, again and again.reschedules or 0) or '')
end

local lease_end = int(now + lease)
-- What is written in one command each, when write() is called.
local leases, claim_of, progress_of, due_no_more = {}, {}, {}, {}
local waits = {} -- tag -> what its waiting:<tag> gets; the earliest of each goes first

-- Puts `id` under this claim. It has to leave the set it stood in, if that is not delivering.
local function take(id, it, tag, record)
  use_room(tag)
  record = record or redis.call('GET', record_key(id))
  it.attempts = it.attempts + 1
  it.named = is_named(record)
  push(leases, lease_end, id)
  push(claim_of, id, claim)
  push(progress_of, id, dump_progress(it))
  give(id, record, it)
end

-- Added first, removed last.
local function write()
  many('ZADD', DELIVERING, leases)
  many('HSET', CLAIMS, claim_of)
  many('HSET', PROGRESS, progress_of)
  for tag, dues in pairs(waits) do
    many('ZADD', waiting_key(tag), dues)
    redis.call('ZADD', WAITING, 'LT', dues[1], tag)
  end
  many('ZREM', SCHEDULED, due_no_more)
  leases, claim_of, progress_of, due_no_more, waits = {}, {}, {}, {}, {}
end

-- Ends the claim of a poller that died, or was cut off past its lease. An id without a record is dropped, never resurrected.
local function take_back(id)
  local tag = destination_of(id)
  if not tag then
    redis.call('ZREM', DELIVERING, id)
    return erase(id)
  end
  local it = load_progress(id, now)
  it.lost = it.lost + 1
  it.why = 'lease-expired'
  redis.call('HINCRBY', COUNTERS, 'lost_leases', 1)
  local reason = word(read_first_line(id), 'once') == '1' and 'outcome-unknown' or it.lost >= MAX_LOST and 'lease-lost'
  note_attempt(id, string.format('{"number":%d,"outcome":null,"error":"lease-lost"%s%s}', it.attempts,
                                 it.again and ',"occurrence":' .. it.again.occurrence or '', reason and ',"final":true' or ''), it.attempts)
  if reason then return fail(id, it, reason, now, now + keep_failed) end
  local behind = it.lost >= SUSPECT_LOSSES and SUSPECTS or tag
  if room(behind) > 0 then return take(id, it, behind) end
  redis.call('HSET', PROGRESS, id, dump_progress(it))
  let_wait(id, behind, it.planned)
  redis.call('ZREM', DELIVERING, id)
  redis.call('HDEL', CLAIMS, id)
end

-- Takes what waits behind one destination, as far as the caller has room for it.
local function serve(tag)
  while room(tag) > 0 and not full() do
    local id, due = head(waiting_key(tag))
    if not id or due > now then break end -- due before, but the store's clock was set back
    if destination_of(id) then
      local it = load_progress(id, due)
      it.planned = due
      take(id, it, tag)
    else
      erase(id)
    end
    stop_waiting(id, tag)
  end
end

-- Serves what waits, as far as there is room; not all of it in one call.
local function serve_waiting()
  local count = redis.call('ZCARD', WAITING)
  for _, tag in ipairs(redis.call('ZRANGE', WAITING, 0, LOOK_WAITING - 1)) do serve(tag) end
  if count <= LOOK_WAITING then return end
  -- Those that answer, however many others wait before them; of many as many, from a place that changes.
  local looked, behind = 0, #answering > 9 * LOOK_WAITING and us % #answering or 0
  for tag in string.gmatch(string.sub(answering, behind + 1), '%S+') do
    if looked >= LOOK_WAITING then break end
    looked = looked + 1
    serve(tag)
  end
  local from = LOOK_WAITING + us % (count - LOOK_WAITING)
  for _, tag in ipairs(redis.call('ZRANGE', WAITING, from, from + LOOK_WAITING - 1)) do serve(tag) end
  left_undone = true
end

-- Takes one due timer, or moves it behind its destination; returns the bytes of its record.
local function take_due(id, due, progress, record)
  push(due_no_more, id)
  if not record then
    erase(id)
    return 0
  end
  local it = read_progress(progress, due)
  local tag = it.lost >= SUSPECT_LOSSES and SUSPECTS or string.match(record, '^%d+ (%S+)') or '-'
  if room(tag) > 0 then
    it.planned = due
    take(id, it, tag, record)
  else
    waits[tag] = waits[tag] or {}
    push(waits[tag], int(due), id)
  end
  return #record
end

-- Takes what is due in the schedule itself, after a bounded look.
local function take_schedule()
  local looked, read = 0, 0
  while not full() and looked < LOOK and read < LOOK_BYTES do
    local due = redis.call('ZRANGEBYSCORE', SCHEDULED, '-inf', int(now), 'WITHSCORES', 'LIMIT', 0, limit - #taken)
    if #due == 0 then break end
    local ids, keys = {}, {}
    for i = 1, #due, 2 do
      push(ids, due[i])
      push(keys, record_key(due[i]))
    end
    local progress = redis.call('HMGET', PROGRESS, unpack(ids))
    local records, first = {}, 1
    for n, id in ipairs(ids) do
      if full() then break end
      if n - first >= #records then
        local count = looked > 0 and read < looked * LARGE and READ or READ_LARGE
        first, records = n, redis.call('MGET', unpack(keys, n, math.min(n + count - 1, #keys)))
      end
      read = read + take_due(id, tonumber(due[2 * n]), progress[n], records[n - first + 1])
      looked = looked + 1
    end
    write()
  end
end

local forgotten, gone = 0, 0 -- work, and timers
local function forget(status)
  local set = ROOT .. status
  local overdue = math.max(redis.call('ZCOUNT', set, '-inf', int(now)), redis.call('ZCARD', set) - keep_finished)
  local count = math.min(overdue, math.max(FORGET, 2 * limit))
  if count <= 0 then return end
  local ids, keys = {}, {}
  local found = redis.call('ZRANGE', set, 0, count - 1)
  for n, raw in ipairs(redis.call('HMGET', PROGRESS, unpack(found))) do
    local id = found[n]
    if forgotten >= FORGET_WORK and gone >= #taken then break end -- else more would end than are forgotten, without an end
    forgotten, gone = forgotten + 1, gone + 1
    if is_progress_named(raw) then forgotten = forgotten + 1 + forget_names(id, read_first_line(id)) end
    push(ids, id)
    push(keys, record_key(id), attempts_key(id))
  end
  left_undone = left_undone or overdue > #ids
  if not ids[1] then return end
  redis.call('DEL', unpack(keys))
  many('HDEL', PROGRESS, ids)
  many('ZREM', set, ids)
end

local last = redis.call('GET', LAST_CLAIM)
if last and string.match(last, '^%S+') == claim then
  for id in string.gmatch(last, ' (%S+)') do
    local record = redis.call('HGET', CLAIMS, id) == claim and redis.call('GET', record_key(id))
    if record then give(id, record, load_progress(id, now)) end
  end
else
  if seen(now, lease) then
    local expired = redis.call('ZRANGEBYSCORE', DELIVERING, '-inf', int(now), 'LIMIT', 0, limit)
    more_expired = #expired == limit
    for _, id in ipairs(expired) do
      if full() then break end
      take_back(id)
    end
  end
  serve_waiting()
  write()
  take_schedule()
  if #taken > 0 then redis.call('SET', LAST_CLAIM, claim .. ' ' .. table.concat(taken, ' '), 'PX', LAST_CLAIM_TTL) end
  -- By turns, for the first may use up the work of a call.
  local ended = { 'delivered', 'failed', 'cancelled' }
  for n = 1, 3 do forget(ended[(us + n) % 3 + 1]) end
  count_ends()
end

local _, next_due = head(SCHEDULED)
if full() or more_expired then
  reply[2] = 0
elseif next_due then
  reply[2] = math.max(0, next_due * 1000 - us)
end
if left_undone and (reply[2] < 0 or reply[2] > AGAIN) then reply[2] = AGAIN end
return reply
