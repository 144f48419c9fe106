#!lua flags=no-writes
-- Reads a part of an index, in the order of its scores and then of its ids, from where the last part ended.
-- KEYS[1] timers:{p}:scheduled (ZSET)
-- Computes waiting:<tag>, held, holds, delivering, delivered, failed, cancelled, tag:<tag>, runs:<name>, timer:<id>, progress,
--         attempts:<id>
-- ARGV    the index: a status, 'tag:<tag>' or 'runs:<schedule>' |
--         of it only this status or '' | this destination tag or '' | due from ms or '' | due before
--         ms or '' | 'asc' or 'desc' | timers at most | score and id of the entry that was looked at last, or '' and ''
--         | 'rows' or 'count' | then, of the index 'scheduled', the parts to read: '' for the schedule itself, or the tags that timers
--         wait behind
-- Returns ListReply: now ms | total entries, or -1 where a filter hides the number | at_end: 1 if this is the end, else 0
--         | last_score of the entry looked at last, or '' | last_id of it, or '' | looked: entries looked at | found: timers
--         | rows: of 'rows' per timer its score in the index, and a TimerRow as read.lua has it
-- Looks at 200 entries of at most 50 parts and tells 256 KiB of records and attempts, then stops short: 3 ms.

local index, only, destination = ARGV[1], ARGV[2], ARGV[3]
local from, before, falling, limit = tonumber(ARGV[4]), tonumber(ARGV[5]), ARGV[6] == 'desc', tonumber(ARGV[7])
local last_score, last_id, describes = tonumber(ARGV[8]), ARGV[9], ARGV[10] == 'rows'

local LOOK, BYTES = 200, 262144
-- Where scores are the moments that are asked for, the index itself finds them.
local is_of_names = string.sub(index, 1, 4) == 'tag:' or string.sub(index, 1, 5) == 'runs:'
local by_due = index == 'scheduled' or is_of_names

-- Whether one entry comes before another in the order that is asked for.
local function comes_first(one, other)
  if one.score ~= other.score then return (one.score < other.score) ~= falling end
  return one.id ~= other.id and precedes(one.id, other.id) ~= falling
end

-- The sets with their next entries, as a heap: on top is what comes first. No more is read than is looked at, and one chunk
-- of each.
local heap, all, chunk = {}, 0, 1

-- Goes on to a set's next entry; false at its end.
local function advance(it)
  it.n = it.n + (falling and -2 or 2)
  if not it.found[it.n] then
    if it.low >= it.high then return false end
    if falling then
      local low = math.max(it.low, it.high - chunk)
      it.found = redis.call('ZRANGE', it.set, low, it.high - 1, 'WITHSCORES')
      it.high, it.n = low, #it.found - 1
    else
      local high = math.min(it.high, it.low + chunk)
      it.found = redis.call('ZRANGE', it.set, it.low, high - 1, 'WITHSCORES')
      it.low, it.n = high, 1
    end
  end
  it.id, it.score = it.found[it.n], tonumber(it.found[it.n + 1])
  return true
end

-- Puts the set at this place of the heap below those whose entries come before its own.
local function sink(at)
  while true do
    local first = at
    for child = 2 * at, 2 * at + 1 do
      if heap[child] and comes_first(heap[child], heap[first]) then first = child end
    end
    if first == at then return end
    heap[at], heap[first], at = heap[first], heap[at], first
  end
end

-- Puts one set on the heap, from where the last page ended.
local function add(set)
  local low = by_due and from and rank(set, from, '') or 0
  local high = by_due and before and rank(set, before, '') or redis.call('ZCARD', set)
  all = all + math.max(0, high - low)
  if last_score then
    local at = rank(set, last_score, last_id)
    if falling then
      high = math.min(high, at)
    else
      low = math.max(low, redis.call('ZRANGE', set, at, at)[1] == last_id and at + 1 or at)
    end
  end
  local it = { set = set, low = low, high = high, found = {}, n = 0 }
  if advance(it) then push(heap, it) end
end

local hides = only ~= '' or destination ~= '' or (not by_due and (from or before))
local sets = {}
if index ~= 'scheduled' then push(sets, ROOT .. index) end
for i = 11, #ARGV do push(sets, ARGV[i] == '' and SCHEDULED or waiting_key(ARGV[i])) end
chunk = math.max(1, math.floor((hides and LOOK or math.min(limit, LOOK)) / #sets))
for _, set in ipairs(sets) do add(set) end
for at = math.floor(#heap / 2), 1, -1 do sink(at) end

local now = math.ceil(now_us() / 1000)
local rows, at_end, last_score_looked, last_id_looked = {}, 1, '', ''

local function is_wanted(id, status, score)
  if not status or (only ~= '' and status ~= only) then return false end
  if not by_due and (from or before) then
    local due = tonumber(load_progress(id, int(score)).due)
    if due < (from or due) or due >= (before or math.huge) then return false end
  end
  local tag = read_traits(id)
  return tag and (destination == '' or tag == destination)
end

local found, bytes, looked = 0, 0, 0
while heap[1] and (hides or describes) do
  local entry = heap[1]
  if looked >= LOOK or found >= limit or bytes >= BYTES then
    at_end = 0
    break
  end
  local status, score = index, entry.score
  if is_of_names then status, score = standing(entry.id) end
  if is_wanted(entry.id, status, score) then
    found = found + 1
    if describes then
      push(rows, int(entry.score))
      bytes = bytes + describe(rows, entry.id, status, score, now)
    end
  end
  last_score_looked, last_id_looked = int(entry.score), entry.id
  looked = looked + 1
  if not advance(entry) then
    heap[1] = heap[#heap]
    heap[#heap] = nil
  end
  if heap[1] then sink(1) end
end
return { now, hides and -1 or all, at_end, last_score_looked, last_id_looked, looked, found, rows }
