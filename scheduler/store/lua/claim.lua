#!lua flags=allow-oom
-- Takes due timers under a lease: first those whose lease ended, then those that wait behind their destination, then what is due.
-- What needs a later format than the caller knows waits for callers who know it, in the same way.
-- Of a saturated destination nothing is taken: its due timers move to waiting:<tag>, one move each, out of the others' way. So do
-- those of a held one, of which only that many are taken as the caller has permits.
-- What is too late to be sent ends here.
-- Repeatable: the same claim id again returns the same batch and takes nothing new.
-- KEYS[1] timers:{p}:scheduled (ZSET)
-- Computes waiting, waiting:<tag>, held, holds, behind, expiring, prior, prior:<tag>, delivering, failed, delivered, cancelled,
--         unread, timer:<id>, keys, tag:<tag>, progress, attempts:<id>, seen, lastclaim:<poller>, pollers, loads, counters, minute:<n>,
--         bell, planned, planning, schedule:<name>, runs:<name>, open:<name>, layout
-- ARGV    poller | claim id | limit | timers of one destination it takes at most | lease ms | ms a failed timer is kept
--         | finished timers kept per status | bytes of records it takes, the last one more | saturated tags (`!suspects`: one)
--         | tags that answer, or '*': all do | timers of all newcomers, which are neither, that it takes at most
--         | and of these so many beyond the first of each | attempts that the caller has under way | of so many at most
--         | per held destination that it knows of `<tag>:<permits>:<ms at which it is worth asking for more>`, and
--         `:probe` if a timer that is sent at most once must not use them, `:anyprobe` if only where no other is due;
--         between blanks | ended timers that are kept for a history, of those that would be forgotten
--         Tags stand in one string, each between blanks: a thousand of them cost a claim 16 us, as arguments of their own 190.
-- Returns now us | us until the caller should come again (0: now, -1: nothing is scheduled)
--         | `holds` of this partition, or '' | ready: '', or per held destination whose permits may be asked for 2: tag | due ones
--         then per timer ClaimRow: id | record | due ms | progress: its words under this claim, or '' of one that is claimed for
--         the first time

local poller, claim, limit, share = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local lease, keep_failed, keep_finished = tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7])
local max_bytes, saturated, answering = tonumber(ARGV[8]), ARGV[9], ARGV[10]
local newcomers, beyond_first = tonumber(ARGV[11]), tonumber(ARGV[12])
local in_flight, slots = tonumber(ARGV[13]), ARGV[14]
local permits_said, most_unread = ARGV[15], tonumber(ARGV[16])

local LAST_CLAIM = ROOT .. 'lastclaim:' .. poller
local LAST_CLAIM_TTL = 21600000 -- ms in which a lost reply may be asked for again: longer than the store is ever away
local MAX_LOST = 3              -- lost leases that fail a timer
local LOOK = 288                -- due timers looked at in one call, taken or moved, thrice a poller's limit: to move one costs 7 us
local LOOK_HELD = 150           -- the same where some are held: to move one behind a destination of its own costs 18 us
local LOOK_BYTES = 4194304      -- and of their records
local READ, READ_LARGE = 16, 2  -- records read in one command; the first, and where they are large
local LARGE = 8192              -- bytes of a record that is large
local LOOK_WAITING = 100        -- destinations looked at: those that wait longest, as many that answer, as many from anywhere
local READY = 16                -- held destinations that a reply names
local AGAIN = 50000             -- us until a caller with nothing else to do should come again for what was left undone: a poller
                                -- then forgets 3,800 a second, a million in under five minutes

local refused = refuse_layout()
if refused then return refused end

local us = now_us()
local now = math.floor(us / 1000)
local strings = redis.call('MGET', LAST_CLAIM, HOLDS) -- in one command: each costs an empty claim a fiftieth
local holds = strings[2]
local some_held = holds and not string.find(holds, ' 0 ', 1, true)
local ready = some_held and {} or ''
local reply = { us, -1, holds or '', ready }
local taken, bytes = {}, 0
local given -- their ids, once some were found elsewhere than in the schedule: a half-done call leaves a timer in two sets
local more_expired, left_undone = false, false

local split = {} -- tags that were split, by their string
local function is_among(tag, tags)
  if split[tags] then return split[tags][tag] or false end
  return string.find(tags, ' ' .. tag .. ' ', 1, true) ~= nil
end

-- Where many are asked for: to find one among 2,000 takes 10 us, to split them all 300.
local function split_tags(tags)
  local found = {}
  for tag in string.gmatch(tags, '%S+') do found[tag] = true end
  split[tags] = found
end

-- Permits that the caller has, by the tags of held destinations, and when it is worth asking for more, in the order they were said;
-- how many are left of each tag that was looked at.
local permits, asks, permits_left, probes, by_any
local permits_of, look_up_holds
if some_held then -- else nobody asks, and a call makes all tables and functions anew, 0.2 us each
  permits, asks, permits_left, probes, by_any = {}, {}, {}, {}, {}
  for tag, count, ask_at, kind in string.gmatch(permits_said, '([^%s:]+):(%d+):(%d+):?(%a*)') do
    permits[tag], probes[tag] = tonumber(count), kind ~= ''
    if kind == 'anyprobe' then push(by_any, tag) end
    push(asks, tag, tonumber(ask_at))
  end

  -- How many permits are left for a destination; any number if it is not held.
  permits_of = function(tag)
    local left = permits_left[tag]
    if not left then
      left = redis.call('HGET', HELD, tag) and (permits[tag] or 0) or math.huge
      permits_left[tag] = left
    end
    return left
  end

  -- Looks up at once which destinations of these records are held: one by one each costs 2 us.
  look_up_holds = function(records)
    local tags = {}
    for _, record in ipairs(records) do
      local tag = record and traits(record)
      if tag and not permits_left[tag] then
        permits_left[tag] = math.huge
        push(tags, tag)
      end
    end
    if not tags[1] then return end
    for n, hold in ipairs(redis.call('HMGET', HELD, unpack(tags))) do
      if hold then permits_left[tags[n]] = permits[tags[n]] or 0 end
    end
  end
end

-- How many more of each tag the caller may take.
local rooms, is_newcomer = { [SUSPECTS] = is_among(SUSPECTS, saturated) and 0 or 1 }, {}
local function room(tag)
  local left = rooms[tag]
  if not left then
    left = is_among(tag, saturated) and 0 or share
    is_newcomer[tag] = answering ~= '*' and not is_among(tag, answering)
    rooms[tag] = left
  end
  if some_held and permits_of(tag) <= 0 then return 0 end
  if is_newcomer[tag] then return math.min(left, newcomers, left == share and 1 or beyond_first) end
  return left
end

-- `behind`: what it would wait behind if there were no room.
local function use_room(behind, tag)
  rooms[behind] = rooms[behind] - 1
  if is_newcomer[behind] then newcomers, beyond_first = newcomers - 1, beyond_first - 1 end
  if some_held then permits_left[tag] = permits_of(tag) - 1 end
end

local function full() return #taken >= limit or bytes >= max_bytes end

local function give(id, record, due, words)
  push(taken, id)
  if given then given[id] = true end
  bytes = bytes + #record
  local n = #reply
  reply[n + 1], reply[n + 2], reply[n + 3], reply[n + 4] = id, record, due, words
end

local lease_end = int(now + lease)

-- Puts a timer under this claim that has never been claimed; `named` as for first_claim().
local function take_first(id, record, due, named)
  note_progress(id, first_claim(due, claim, named))
  join(DELIVERING, lease_end, id)
  give(id, record, due, '')
end

-- Puts a timer that has been claimed before under this claim; it has to leave the set it stood in, if that is not delivering.
local function take(id, record, it)
  if it.why == 'replay' then -- the store may have refused that in its middle
    leave(ROOT .. 'delivered', id)
    leave(ROOT .. 'failed', id)
  end
  it.attempts, it.claim = it.attempts + 1, claim
  local line = named_line(record)
  it.named = is_named(line) and 1 or nil
  it.cb = asks_callback(line) and 1 or nil
  it.priority = line and number_word(line, 'priority')
  local words = dump_words(it)
  note_progress(id, dump_progress(it, words))
  join(DELIVERING, lease_end, id)
  give(id, record, it.due, words)
end

-- Puts a timer where it belongs that has ended, or is under no claim: the store refused in the middle what ended it, or gave it
-- back. How long a delivered one is kept this caller does not know, nor when a retry was to be: that is made at once. One that was
-- rescheduled is never early.
local function put_right(id, from, it)
  local status = it.reason and (IS_STATUS[it.reason] and it.reason or 'failed')
  local set = status and ROOT .. status or SCHEDULED
  if not redis.call('ZSCORE', set, id) then
    join(set, status and int(now + keep_failed) or int(math.max(now, tonumber(it.due))), id)
  end
  if status and notes_ends then join(UNREAD, read_moment(it.ended) or int(now), id) end
  if status and it.named then free_later(id, status) end
  leave(from, id)
end

-- Goes on with what the store refused in the middle while this timer was to leave this set; true if it is not to be taken here.
local function put_right_due(id, from, it)
  if it.reason then
    put_right(id, from, it)
    return true
  elseif it.claim ~= claim and redis.call('ZSCORE', DELIVERING, id) then
    leave(from, id)
    return true
  end
  it.attempts = it.attempts - 1 -- a claim that was never answered
  end_claim(it)
end

-- Why a timer ends that has lost a lease, or nil: it goes on.
local function reason_of_loss(line, it)
  return line and word(line, 'once') == '1' and 'outcome-unknown' or it.lost >= MAX_LOST and 'lease-lost' or nil
end

-- The tag that a timer with this progress, or none, waits behind if there is no room: suspects behind each other, unless their
-- destination is held.
local function waits_behind(tag, it)
  return it and it.lost >= SUSPECT_LOSSES and not (some_held and permits_of(tag) <= 0) and SUSPECTS or tag
end

-- Takes a due timer that was begun before, or whose record says more than when it was made and where to, if the caller has room for
-- it; else it waits. `line` is its first line, if that says more; the rest is as for take_due().
local function take_other(id, from, planned, progress, record, tag, line)
  local priority = line and number_word(line, 'priority')
  local it = (progress or priority or asks_callback(line)) and read_progress(progress, planned)
  if it and (it.claim or it.reason) and put_right_due(id, from, it) then return true end
  local behind = waits_behind(tag, it)
  local format = format_of(line)
  local later = is_later(format)
  local expiry = format and expiry_of(line, it and it.due or planned)
  if expiry and now > expiry and not later then
    fail(id, from, line, it or read_progress(progress, planned), 'expired', int(now), int(now + keep_failed))
    return true
  end
  if later or room(behind) <= 0 or (some_held and probes[tag] and line and word(line, 'once')) then
    if later then behind, expiry = format_tag(format), nil end
    if waiting_key(behind) == from then return false end
    join(waiting_key(behind), planned, id)
    if expiry then join(EXPIRING, int(expiry), id) end
    if priority and not later then reorder(id, from, behind, int(planned - 1000 * priority)) end
  else
    use_room(behind, tag)
    if expiry and from ~= SCHEDULED then leave(EXPIRING, id) end
    if priority then reorder(id, from) end
    if it then
      if it.due ~= planned then it.planned = planned end
      take(id, record, it)
    else
      take_first(id, record, planned, is_named(line) and NAMED or '')
    end
  end
  leave(from, id)
  return true
end

-- Takes a due timer that stands in this set under its moment, if the caller has room for it; else it waits. `progress` is as
-- it is stored, false for most. Returns whether it left the set.
local function take_due(id, from, planned, progress, record)
  if given and given[id] then
    leave(from, id)
    return true
  end
  local tag, line = traits(record)
  tag = tag or '-'
  if progress or line then return rarely().take_other(id, from, planned, progress, record, tag, line) end
  if room(tag) > 0 then
    use_room(tag, tag)
    take_first(id, record, planned, '')
  elseif waiting_key(tag) == from then
    return false
  else
    join(waiting_key(tag), planned, id)
  end
  leave(from, id)
  return true
end

-- Takes what waits for callers who know this format, or lets it wait behind its destination; what has lost its last lease when
-- it was not to be ended by the caller that found it is ended now.
local function serve_format(tag)
  local set = waiting_key(tag)
  local due = redis.call('ZRANGEBYSCORE', set, '-inf', int(now), 'WITHSCORES', 'LIMIT', 0, LOOK_WAITING)
  left_undone = left_undone or #due == 2 * LOOK_WAITING
  for n = 1, #due, 2 do
    if full() then break end
    local id, record = due[n], redis.call('GET', record_key(due[n]))
    if record then
      local _, line = traits(record)
      local progress = redis.call('HGET', PROGRESS, id)
      local it = read_progress(progress, due[n + 1])
      local reason = it.why == 'lease-expired' and reason_of_loss(line, it)
      if reason then
        fail(id, set, line, it, reason, int(now), int(now + keep_failed))
      else
        take_due(id, set, due[n + 1], progress, record)
      end
    else
      erase(set, id)
    end
  end
end

-- Where there are timers with a priority: what stands in a set, in their order; and to take of that what comes before a moment.
local ordered, take_ordered
local function begin_order()
  -- Those with a priority that stand in a set, in their order, where their scores are greater than those of moments by so much.
  function ordered(key, set, highest, shift)
    local found = redis.call('ZRANGEBYSCORE', key, '-inf', highest, 'WITHSCORES', 'LIMIT', 0, limit - #taken)
    return { found = found, n = 1, key = key, set = set, shift = shift }
  end

  -- Takes those of them that come before what is to be sent at a moment.
  function take_ordered(first, moment)
    while first.found[first.n] and first.found[first.n + 1] - first.shift <= moment and not full() do
      local id = first.found[first.n]
      first.n = first.n + 2
      local planned, record = redis.call('ZSCORE', first.set, id), redis.call('GET', record_key(id))
      if planned and record then
        if take_due(id, first.set, planned, redis.call('HGET', PROGRESS, id), record) then
          given[id] = true
        elseif not (some_held and next(probes)) then
          return
        end
      else
        leave(first.key, id) -- an older version has moved it
        leave(PRIOR, id)
      end
    end
  end

  -- What has become due is served in the order of its moment less its head start from now on.
  given = {}
  local due, moved = redis.call('ZRANGEBYSCORE', PRIOR, 0, int(now), 'WITHSCORES', 'LIMIT', 0, LOOK_WAITING), {}
  for n = 1, #due, 2 do
    push(moved, int(due[n + 1] - SERVED - 1000 * (number_word(read_first_line(due[n]), 'priority') or 0)), due[n])
  end
  many('ZADD', PRIOR, moved)
end

-- Takes what waits behind one destination, as far as the caller has room for it.
local function serve(tag)
  if string.sub(tag, 1, 2) == '!v' then return end
  if room(tag) <= 0 or full() then return end
  local set, most = waiting_key(tag), math.min(rooms[tag], limit - #taken)
  if some_held and permits[tag] then -- it is looked past what may not use them, and what is too late
    most = (probes[tag] or redis.call('EXISTS', EXPIRING) == 1) and LOOK_WAITING or math.min(most, permits_of(tag))
  end
  local due = redis.call('ZRANGEBYSCORE', set, '-inf', int(now), 'WITHSCORES', 'LIMIT', 0, most)
  local first = ordered and ordered(PRIOR .. ':' .. tag, set, int(now), 0)
  for n = 1, #due, 2 do
    if first then take_ordered(first, tonumber(due[n + 1])) end
    if full() or room(tag) <= 0 then break end
    local id, record = due[n], redis.call('GET', record_key(due[n]))
    if not record then
      erase(set, id)
    else
      take_due(id, set, due[n + 1], redis.call('HGET', PROGRESS, id), record)
    end
  end
end

local serve_held, tell_ready
if some_held then
  -- Serves held destinations as far as the caller has permits, and notes when it is worth asking for more.
  serve_held = function()
    if not asks[1] then return end
    given = given or {}
    for n = 1, #asks, 2 do serve(asks[n]) end
    write_moves()
    for _, tag in ipairs(by_any) do
      probes[tag] = false
      serve(tag)
      probes[tag] = true
      write_moves()
    end
    for n = 1, #asks, 2 do
      local _, due = head(waiting_key(asks[n]))
      if due then redis.call('ZADD', BEHIND, 'XX', int(math.max(due, asks[n + 1], now)), asks[n]) end
    end
  end

  -- Tells of which held destinations timers are due, and permits may be asked for: those first that have been so for longest.
  -- Returns ms at which there is another, or nil.
  tell_ready = function()
    for _, tag in ipairs(redis.call('ZRANGEBYSCORE', BEHIND, '-inf', int(now), 'LIMIT', 0, READY)) do
      push(ready, tag, redis.call('ZCOUNT', waiting_key(tag), '-inf', int(now)))
    end
    return tonumber(redis.call('ZRANGEBYSCORE', BEHIND, '(' .. int(now), '+inf', 'WITHSCORES', 'LIMIT', 0, 1)[2])
  end
end

-- Serves what waits behind so many tags, as far as there is room; not all of it in one call.
local function serve_waiting(waiting)
  given = given or {}
  if waiting > 20 then
    split_tags(saturated)
    if answering ~= '*' then split_tags(answering) end
  end
  for format = 2, FORMAT do serve_format(format_tag(format)) end
  write_moves()
  -- In three calls of four those that wait shortest: of newcomers that hang there may be any number, and room for one at a time.
  local order = us % 4 > 0 and { 'REV' } or {}
  for _, tag in ipairs(redis.call('ZRANGE', WAITING, 0, LOOK_WAITING - 1, unpack(order))) do serve(tag) end
  if waiting <= LOOK_WAITING then return end
  write_moves() -- what was served is not to be found once more
  -- Those that answer, however many others wait before them; of many as many, from a place that changes.
  local looked, behind = 0, #answering > 9 * LOOK_WAITING and us % #answering or 0
  for tag in string.gmatch(string.sub(answering, behind + 1), '%S+') do
    if looked >= LOOK_WAITING then break end
    looked = looked + 1
    serve(tag)
  end
  write_moves()
  local from = LOOK_WAITING + us % (waiting - LOOK_WAITING)
  for _, tag in ipairs(redis.call('ZRANGE', WAITING, from, from + LOOK_WAITING - 1)) do serve(tag) end
  left_undone = true
end

-- Takes what is due in the schedule itself, after a bounded look.
local function take_schedule()
  local looked, read = 0, 0
  local most = some_held and LOOK_HELD or LOOK
  local early = ordered and ordered(PRIOR, SCHEDULED, '(0', -SERVED)
  while not full() and looked < most and read < LOOK_BYTES do
    local due = redis.call('ZRANGEBYSCORE', SCHEDULED, '-inf', int(now), 'WITHSCORES', 'LIMIT', 0, limit - #taken)
    if #due == 0 then break end
    local ids, keys = {}, {}
    for n = 1, #due, 2 do
      push(ids, due[n])
      push(keys, record_key(due[n]))
    end
    local progress = redis.call('HMGET', PROGRESS, unpack(ids))
    local records, first = {}, 1
    for n, id in ipairs(ids) do
      if full() then break end
      if n - first >= #records then
        local at_once = looked > 0 and read < looked * LARGE and READ or READ_LARGE
        first, records = n, redis.call('MGET', unpack(keys, n, math.min(n + at_once - 1, #keys)))
        if some_held then look_up_holds(records) end
      end
      if early then
        take_ordered(early, tonumber(due[2 * n]))
        if full() then break end
      end
      local record = records[n - first + 1]
      if record then
        take_due(id, SCHEDULED, due[2 * n], progress[n], record)
        read = read + #record
      else
        erase(SCHEDULED, id)
      end
      looked = looked + 1
    end
    write_moves()
  end
end

local forget
do -- a script has 200 locals at most at a time
  local FORGET_WORK = 300 -- timers, names of theirs and KiB of answers forgotten in one call, or as many timers as it takes
  local FORGET_READ = 24  -- and looked at in one command
  local FORGET = 100      -- overdue finished timers forgotten per status and claim, or twice the limit if that is more

  local unread = notes_ends and redis.call('ZCARD', UNREAD) or 0

  -- Those of these that may be forgotten: not what a history has yet to read, unless there is too much of that. It is then given up.
  local function without_unread(ids)
    local read = {}
    for _, id in ipairs(ids) do
      if not redis.call('ZSCORE', UNREAD, id) then
        push(read, id)
      elseif unread > most_unread then
        leave(UNREAD, id)
        rarely().count_one('unread_given_up')
        unread = unread - 1
        push(read, id)
      end
    end
    return read
  end

  local forgotten, gone = 0, 0 -- work, and timers
  function forget(status)
    local set = ROOT .. status
    local kept = redis.call('ZCARD', set)
    if kept == 0 then return end
    local overdue = math.max(redis.call('ZCOUNT', set, '-inf', int(now)), kept - keep_finished)
    local most = math.min(overdue, math.max(FORGET, 2 * limit))
    if most <= 0 then return end
    local before, kept_back = gone, 0
    local found = redis.call('ZRANGE', set, 0, most - 1)
    for first = 1, #found, FORGET_READ do
      if forgotten >= FORGET_WORK and gone >= #taken then break end -- else more would end than are forgotten, without an end
      local last = math.min(first + FORGET_READ - 1, #found)
      local ids = { unpack(found, first, last) }
      if unread > 0 then
        local looked = #ids
        ids = without_unread(ids)
        forgotten, kept_back = forgotten + looked - #ids, kept_back + looked - #ids
        if not ids[1] then return end -- those behind ended later, and are unread as well
      end
      for n, raw in ipairs(redis.call('HMGET', PROGRESS, unpack(ids))) do
        local id = ids[n]
        forgotten, gone = forgotten + 1 + (raw and math.floor(#raw / 1024) or 0), gone + 1
        if is_progress_named(raw) then forgotten = forgotten + 1 + rarely().forget_names(id, rarely().read_first_line(id)) end
        erase(set, id)
      end
    end
    left_undone = left_undone or overdue > gone - before + kept_back
  end
end

-- Ends the claim of a poller that died, or was cut off past its lease. An id without a record is dropped, never resurrected.
local function take_back(id)
  local record = redis.call('GET', record_key(id))
  if not record then return erase(DELIVERING, id) end
  local tag, line = traits(record)
  local it = load_progress(id, int(now))
  if not it.claim then return put_right(id, DELIVERING, it) end
  if it.claim == claim then -- the store refused this call in its middle: nobody has been told of it
    it.attempts = it.attempts - 1
    return take(id, record, it)
  end
  local planned = it.planned or it.due
  it.lost = it.lost + 1
  it.why = 'lease-expired'
  count_one('lost_leases')
  count_minute('attempts', 1)
  count_minute('failed_attempts', 1)
  local expiry = expiry_of(line, it.due)
  local reason = reason_of_loss(line, it) or expiry and now > expiry and 'expired' or nil
  note_attempt(id, it, string.format('{"number":%d,"outcome":null,"error":"lease-lost"%s%s}', it.attempts,
                                     it.occurrence > 1 and ',"occurrence":' .. it.occurrence or '', reason and ',"final":true' or ''))
  local format = format_of(line)
  local later = is_later(format)
  if reason and not later then return fail(id, DELIVERING, line, it, reason, int(now), int(now + keep_failed)) end
  tag = tag or '-'
  local behind = later and format_tag(format) or waits_behind(tag, it)
  if not later and room(behind) > 0 then
    use_room(behind, tag)
    return take(id, record, it)
  end
  end_claim(it)
  note_progress(id, dump_progress(it))
  join(waiting_key(behind), planned, id)
  if not later then
    if expiry then join(EXPIRING, int(expiry), id) end
    if it.priority then reorder(id, DELIVERING, behind, int(planned - 1000 * it.priority)) end
  end
  leave(DELIVERING, id)
end

-- Gives once more what is still under this claim.
local function give_again(id)
  local progress = redis.call('HGET', PROGRESS, id)
  local record = is_claimed_by(progress, claim) and redis.call('GET', record_key(id))
  if not record then return end
  local due = read_first_claim(progress)
  local it = not due and read_progress(progress, '0')
  give(id, record, due or it.due, it and dump_words(it) or '')
end

local last = strings[1]
if last and string.match(last, '^%S+') == claim then -- a repeat: what is still under it
  for id in string.gmatch(string.match(last, ' .*$') or '', '%S+') do rarely().give_again(id) end
else
  if has_priority then rarely().begin_order() end
  if seen(now, lease) then
    local expired = redis.call('ZRANGEBYSCORE', DELIVERING, '-inf', int(now), 'LIMIT', 0, limit)
    more_expired = #expired == limit
    if expired[1] then
      given = given or {}
      for _, id in ipairs(expired) do
        if full() then break end
        rarely().take_back(id)
      end
      write_moves()
    end
  end
  if some_held then serve_held() end
  local waiting = redis.call('ZCARD', WAITING)
  if waiting > 0 then
    rarely().serve_waiting(waiting)
  elseif has_priority and not (some_held and redis.call('EXISTS', BEHIND) == 1) then
    for _, id in ipairs(redis.call('ZRANGEBYSCORE', PRIOR, WAITS, '+inf', 'LIMIT', 0, LOOK_WAITING)) do -- an older version took them
      rarely().reorder(id, waiting_key(string.match(rarely().read_first_line(id), '^%d+ (%S+)') or '-'))
    end
  end
  write_moves()
  take_schedule()
  if #taken > 0 then redis.call('SET', LAST_CLAIM, claim .. ' ' .. table.concat(taken, ' '), 'PX', LAST_CLAIM_TTL) end
  -- By turns, for the first may use up the work of a call.
  local finished = { 'delivered', 'failed', 'cancelled' }
  for n = 1, 3 do forget(finished[(us + n) % 3 + 1]) end
  write_moves()
end

note_poller(now, poller, in_flight + #taken, slots)
local _, next_due = head(SCHEDULED)
local next_ready = some_held and tell_ready()
if next_ready then next_due = math.min(next_due or next_ready, next_ready) end
if full() or more_expired then
  reply[2] = 0
elseif next_due then
  reply[2] = math.max(0, next_due * 1000 - us)
end
if left_undone and (reply[2] < 0 or reply[2] > AGAIN) then reply[2] = AGAIN end
return reply
