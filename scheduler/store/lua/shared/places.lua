-- Where timers stand, and what to tell of them.

-- The sets that a scheduled timer may stand in.
local function places(id)
  local tag, line = read_traits(id)
  local sets, format = { SCHEDULED, waiting_key(SUSPECTS) }, format_of(line)
  if tag then push(sets, waiting_key(tag)) end
  if format then push(sets, waiting_key(format_tag(format))) end
  return sets
end

-- The same of a timer in a set that only a later version knows: its record says its format, and so it is not unknown, and its
-- key not free. It has not ended, for those that have stand where all versions look.
local function standing_elsewhere(id)
  local _, line = read_traits(id)
  if not is_later(format_of(line)) then return nil end
  return 'scheduled', tonumber(load_progress(id, string.match(line, '^%d+')).due), nil
end

-- A timer's status, its score, and the set that it stands in; nothing if it is unknown.
local function standing(id)
  local score = redis.call('ZSCORE', SCHEDULED, id)
  if score then return 'scheduled', tonumber(score), SCHEDULED end
  for _, set in ipairs(places(id)) do
    score = redis.call('ZSCORE', set, id)
    if score then return 'scheduled', tonumber(score), set end
  end
  for _, status in ipairs({ 'delivering', 'delivered', 'failed', 'cancelled' }) do
    score = redis.call('ZSCORE', ROOT .. status, id)
    if score then return status, tonumber(score), ROOT .. status end
  end
  return standing_elsewhere(id)
end

-- What a caller is told who would change a timer of a later format than he knows, or nil.
local function refuse_format(id)
  local _, line = read_traits(id)
  local format = format_of(line)
  return is_later(format) and 'format ' .. format or nil
end

-- The unfinished timer that has a key, other than `id`; or nil.
local function holder_of(key, id)
  local holder = redis.call('HGET', BY_KEY, key)
  if not holder or holder == id then return nil end
  local status = standing(holder)
  return (status == 'scheduled' or status == 'delivering') and holder or nil
end

-- How many timers wait behind the tags from one place to another, and how many of these tags are no destination's. First come those
-- at their share in the order of their earliest timers, then those that are held.
local function count_waiting(from, to)
  local waiting, others = 0, 0
  local tags = redis.call('ZRANGE', WAITING, from, to)
  local at_share = redis.call('ZCARD', WAITING)
  if to >= at_share then
    for _, tag in ipairs(redis.call('ZRANGE', BEHIND, math.max(0, from - at_share), to - at_share)) do push(tags, tag) end
  end
  for _, tag in ipairs(tags) do
    waiting = waiting + redis.call('ZCARD', waiting_key(tag))
    if string.sub(tag, 1, 1) == '!' then others = others + 1 end
  end
  return waiting, others
end

-- Why a due timer with this record waits, and how many wait before it if its rate is known; '' and 0 if nothing holds it. As many are
-- taken to wait in each other partition as in this one.
local any_is_held
local function hold_of(record, score, id)
  if any_is_held == nil then
    local holds = redis.call('GET', HOLDS)
    any_is_held = holds and not string.find(holds, ' 0 ', 1, true)
  end
  if not any_is_held then return '', 0 end
  local tag = traits(record)
  local hold = tag and redis.call('HGET', HELD, tag) or ''
  local has_rate = string.find(hold, '^%d+ %d+ rate [1-9]')
  if not has_rate then return hold, 0 end
  return hold, rank(waiting_key(tag), score, id) * string.match(LAYOUT_BEGINS, ' partitions=(%d+)')
end

-- Appends what a reader wants of a timer, 8 values; returns their bytes.
local function describe(reply, id, status, score, now)
  local record, progress = redis.call('GET', record_key(id)) or '', redis.call('HGET', PROGRESS, id) or ''
  local last = not string.find(progress, '\n', 1, true) and progress ~= '' and redis.call('LINDEX', attempts_key(id), -1) or ''
  push(reply, id, status)
  push(reply, int(score), record)
  push(reply, progress, last)
  local hold, ahead = '', 0
  if status == 'scheduled' and score <= now then hold, ahead = hold_of(record, score, id) end
  push(reply, hold, ahead)
  return #record + #progress + #last
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
  -- It was also away if its clock was: set back from a later year, it would take no lease back until then.
  if now - last > lease / 2 or spared - now > lease then spared = now + lease end
  redis.call('SET', key, int(now) .. ' ' .. int(spared))
  return now >= spared
end
