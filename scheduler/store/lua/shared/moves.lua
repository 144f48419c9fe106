-- Moves of timers from set to set, collected while a script looks at its timers and written at its end by write_moves(): one
-- command for many, and in one order. What is added comes first, what is removed last: if the store refuses a command in the
-- middle, a timer stands in two places, which the repeat of the call mends, and never in none.

local progress_of, joining, leaving, freed, cut, erased, counted = {}, {}, {}, {}, {}, {}, {}

-- These three are called for every timer: each does what push() does itself, for 0.1 us less.
local function note_progress(id, progress)
  local n = #progress_of
  progress_of[n + 1], progress_of[n + 2] = id, progress
end

-- `score` is ms, as text.
local function join(set, score, id)
  local members = joining[set]
  if members then
    local n = #members
    members[n + 1], members[n + 2] = score, id
  else
    joining[set] = { score, id }
  end
end

local function leave(set, id)
  local ids = leaving[set]
  if ids then ids[#ids + 1] = id else leaving[set] = { id } end
end

-- Removes every trace of a timer that stands in a set.
local function erase(set, id)
  push(erased, id)
  leave(set, id)
end

-- The tag that timers of this set wait behind, or nil.
local function tag_of(set)
  if string.sub(set, 1, #WAITING + 1) == WAITING .. ':' then return string.sub(set, #WAITING + 2) end
end

-- Puts a timer with a priority into the order of those that wait behind a tag, by the ms as text at which it is to be sent less
-- its head start; without a tag it leaves all orders. `from` is where it stood.
local function reorder(id, from, tag, score)
  local left = tag_of(from)
  if left then leave(PRIOR .. ':' .. left, id) end
  if not tag then return leave(PRIOR, id) end
  join(PRIOR, WAITS, id)
  join(PRIOR .. ':' .. tag, score, id)
end

-- Frees the key of a timer that has ended, and tells its schedule, once it stands where it belongs.
local function free_later(id, status) push(freed, id, status) end

-- Adds one to a sum.
local function count_one(name) counted[name] = (counted[name] or 0) + 1 end

-- Reasons of ends that are the name of their status; with any other it is failed.
local IS_STATUS = { delivered = true, cancelled = true }

-- What each of these tables is written as: write_<table>() is called once for all that was collected in it.

local function write_progress_of() many('HSET', PROGRESS, progress_of) end

local function write_joining()
  local tags, earliest
  for set, members in pairs(joining) do
    redis.call('ZADD', set, unpack(members))
    local tag = tag_of(set)
    if tag then
      if not tags then tags, earliest = {}, {} end
      push(tags, tag)
      earliest[tag] = math.huge
      for n = 1, #members, 2 do earliest[tag] = math.min(earliest[tag], tonumber(members[n])) end
    end
  end
  if not tags then return end
  local at_share, held = { 'LT' }, { 'NX' }
  for n, hold in ipairs(redis.call('HMGET', ROOT .. 'held', unpack(tags))) do
    local due = earliest[tags[n]]
    if hold then
      push(held, int(math.max(due, tonumber(string.match(hold, '^%d+ (%d+)')))), tags[n])
    else
      push(at_share, int(due), tags[n])
    end
  end
  if at_share[2] then redis.call('ZADD', WAITING, unpack(at_share)) end
  if held[2] then redis.call('ZADD', ROOT .. 'behind', unpack(held)) end
end

local function write_erased()
  if not erased[1] then return end
  local keys = {}
  for _, id in ipairs(erased) do push(keys, record_key(id), attempts_key(id)) end
  redis.call('DEL', unpack(keys))
  redis.call('HDEL', PROGRESS, unpack(erased))
end

local function write_leaving()
  for set, ids in pairs(leaving) do
    redis.call('ZREM', set, unpack(ids))
    local tag = tag_of(set)
    if tag then -- it goes with its last timer
      local _, due = head(set)
      local is_held = redis.call('ZSCORE', ROOT .. 'behind', tag)
      if not due then
        redis.call('ZREM', is_held and ROOT .. 'behind' or WAITING, tag)
      elseif not is_held then
        redis.call('ZADD', WAITING, int(due), tag)
      end
    end
  end
end

local function write_freed()
  local keys, ids = {}, {}
  for n = 1, #freed, 2 do
    local id, line = freed[n], read_first_line(freed[n])
    local key, schedule = word(line, 'key'), word(line, 'schedule')
    if key then
      push(keys, key)
      push(ids, id)
    end
    if schedule then note_run_end(schedule, id, freed[n + 1]) end
  end
  if keys[1] then free_keys(ids, keys) end
end

local function write_cut()
  for _, id in ipairs(cut) do cut_record(id) end
end

local function write_counted()
  for name, times in pairs(counted) do
    redis.call('HINCRBY', COUNTERS, name, times)
    local reason = string.match(name, '^ended:(.*)')
    if reason then count_minute(IS_STATUS[reason] and reason or 'failed', times) end
  end
end

local function write_moves()
  if not (next(leaving) or next(joining) or next(counted) or progress_of[1]) then return end
  if called_back[1] then rarely().write_called_back() end -- before the progress, by which a repeat of the call knows that all is done
  write_progress_of()
  write_joining()
  write_erased()
  write_leaving()
  if freed[1] then rarely().write_freed() end
  if cut[1] then rarely().write_cut() end
  write_counted()
  write_happened()
  progress_of, joining, leaving, freed, cut, erased, counted = {}, {}, {}, {}, {}, {}, {}
end

-- The end of a timer, whatever ended it: all that is to happen then happens here.
-- It leaves the set it stands in for that of its status until `forget_at`, its words say when and why, its key is free for
-- another, and it is counted. `words` are those of its progress without a claim, `noted` the JSON of its first attempt or nil;
-- both moments are text. `calling` is its progress as a table if it asks for a callback, which is made here, else nil.
local function ended(id, from, status, forget_at, reason, at, words, noted, named, calling)
  words = words .. ' ended=' .. at .. ' reason=' .. reason
  note_progress(id, noted and words .. '\n' .. noted or words)
  join(ROOT .. status, forget_at, id)
  if is_end_noted() then join(UNREAD, at, id) end
  leave(from, id)
  if named then free_later(id, status) end
  if calling then rarely().call_back(id, calling, status, at, words, noted) end
  count_one('ended:' .. reason)
end

-- Fails a timer that no poller settles, perhaps one that has never been claimed; both moments are text.
local function fail(id, from, line, it, reason, at, forget_at)
  end_claim(it)
  it.why = nil
  it.named = is_named(line) and 1 or nil
  if from ~= SCHEDULED and from ~= DELIVERING then leave(EXPIRING, id) end
  if line and word(line, 'priority') then reorder(id, from) end
  ended(id, from, 'failed', forget_at, reason, at, dump_words(it), it.noted, it.named, asks_callback(line) and it)
end

-- Withdraws a scheduled timer that stands in this set; its score goes, its due_at stays readable.
local function withdraw(id, from, due, now, forget_at)
  local it = load_progress(id, int(due))
  it.why, it.ended, it.reason = nil, nil, nil
  local line = read_first_line(id)
  it.named = is_named(line) and 1 or nil
  if word(line, 'priority') then reorder(id, from) end
  ended(id, from, 'cancelled', forget_at, 'cancelled', now, dump_words(it), it.noted, it.named)
  if from ~= SCHEDULED then leave(EXPIRING, id) end
  push(cut, id)
end
