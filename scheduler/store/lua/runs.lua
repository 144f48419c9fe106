#!lua
-- Makes the runs that a look at schedules found, counts the moments that became none, and says when to look again.
-- A schedule that another look has taken, or that was changed meanwhile, stays as it is. Repeatable: a look ends with this.
-- Whether an earlier run is unfinished is decided here. A run's id is that of its moment: made twice it is one.
-- A full store refuses this script (no allow-oom): it adds. What is not made then is made up for later.
-- KEYS[1] timers:{p}:scheduled (ZSET)
-- Computes waiting, waiting:<tag>, held, behind, expiring, prior, prior:<tag>, timer:<id>, keys, tag:<tag>, delivering, delivered,
--         failed, cancelled, progress, attempts:<id>, counters, minute:<n>, bell, planned, planning, schedule:<name>, runs:<name>,
--         open:<name>, unread, layout
-- ARGV    id of the look | ms a cancelled timer is kept
--         then per schedule: name | ms of the last moment that is decided | ms to look at it again, '' if it has ended
--         | missed ones, which its next run tells of | moments skipped as missed, paused, and left out | ms of the end of a pause, or ''
--         | overlap | runs at most, or '' | number of runs, then per run: id | due ms | how many missed ones it tells of
-- Returns now us | us until a schedule is to be looked at, 0: now, -1: none is | then per schedule how many runs were made, -1: refused

local OPEN_LOOK = 32 -- unfinished runs of a schedule that are looked at for one moment
local DROPPED = 1024 -- and of those that are over, and met among them

local look, keep = ARGV[1], tonumber(ARGV[2])
local at = 3
local function take_argument()
  at = at + 1
  return ARGV[at - 1]
end

local refused = refuse_layout()
if refused then return refused end

local us = now_us()
local now = math.ceil(us / 1000)
local _, earliest = head(SCHEDULED)
local first_due

-- The unfinished runs of a schedule, or some of them. What an older version has ended is dropped.
local function unfinished(name)
  local found = {}
  for _ = 1, DROPPED / OPEN_LOOK do
    local ids = redis.call('ZRANGE', ROOT .. 'open:' .. name, 0, OPEN_LOOK - 1)
    local over = {}
    for _, id in ipairs(ids) do
      local status, score, from = standing(id)
      if status == 'scheduled' or status == 'delivering' then
        push(found, { id = id, score = score, from = status == 'scheduled' and not refuse_format(id) and from or nil })
      else
        push(over, id)
      end
    end
    many('ZREM', ROOT .. 'open:' .. name, over)
    if found[1] or not ids[1] then break end
  end
  return found
end

-- Whether a run may be made, after what the schedule says of earlier ones that are unfinished. Those that wait are cancelled to
-- replace them, so many for each moment: with more of them left it is skipped.
local function makes_room(name, overlap)
  local earlier = overlap ~= 'allow' and unfinished(name) or {}
  if not earlier[1] then return true end
  if overlap == 'skip' then return false end
  for _, it in ipairs(earlier) do
    if not it.from then return false end -- in flight
  end
  for _, it in ipairs(earlier) do withdraw(it.id, it.from, it.score, int(now), int(now + keep)) end
  write_moves()
  return not unfinished(name)[1]
end

local reply = { us, -1 }
local planned, ended, looked_at = {}, {}, {}
while at <= #ARGV do
  local name, after, look_at, missed = take_argument(), tonumber(take_argument()), tonumber(take_argument()), tonumber(take_argument())
  local skipped_missed, skipped_paused, skipped_gap = take_argument(), take_argument(), take_argument()
  local resumed, overlap, most, count = take_argument(), take_argument(), tonumber(take_argument()), tonumber(take_argument())
  local key = schedule_key(name)
  local made = -1
  if redis.call('HGET', PLANNING, name) == look then
    made = 0
    local found = redis.call('HMGET', key, 'timer', 'runs', 'paused', 'after', 'offset', 'skipped_paused', 'paused_after', 'unread')
    local timer, runs, paused, after_before, offset, paused_before, paused_after, unread = unpack(found)
    runs = tonumber(runs) or 0
    local line, rest = split_record(timer)
    local skipped_overlap, entries, is_new = 0, {}, false
    local function is_noted(id) return string.find(redis.call('HGET', key, 'previous') or '', ':' .. id, 1, true) end
    for _ = 1, count do
      local id, due, stands_for = ARGV[at], ARGV[at + 1], tonumber(ARGV[at + 2])
      at = at + 3
      if not most or runs < most then
        -- Of several at once the first is the earlier one of the others.
        local stands = is_made(id)
        if stands or overlap == 'allow' or (not is_new and makes_room(name, overlap)) then
          if not stands then
            create_run(name, line, rest, id, int(now), due, stands_for)
            is_new = true
          end
          -- One that is noted was counted, and could not be taken back with an earlier one.
          if not (stands and is_noted(id)) then
            push(entries, due .. ':' .. id)
            runs = runs + 1
          end
          first_due = math.min(first_due or math.huge, tonumber(due))
          made = made + 1
        else
          skipped_overlap = skipped_overlap + 1
          missed = missed + stands_for -- of them the next run tells
        end
      end
    end
    -- By whom the runs of before have ended may have changed what is told of them.
    local previous = redis.call('HGET', key, 'previous') or ''
    if entries[1] then previous = cut_previous(previous .. ' ' .. table.concat(entries, ' '), now) end
    local fields = {}
    if paused and resumed == '' then
      local kept, gone, first, _, missed_by_them = withdraw_ahead(previous, now)
      write_moves()
      if gone > 0 then after = math.min(after, first - tonumber(offset) - 1) end
      previous, runs, missed = kept, runs - gone, missed + missed_by_them
      if not paused_after then
        push(fields, 'paused_after', int(math.min(tonumber(after_before), after)))
        push(fields, 'paused_skipped', paused_before or 0)
      end
    end
    push(fields, 'after', int(after))
    push(fields, 'runs', runs)
    push(fields, 'missed', int(missed))
    push(fields, 'previous', previous)
    if resumed ~= '' then
      push(fields, 'resumed', resumed)
      redis.call('HDEL', key, 'paused', 'paused_until', 'paused_by', 'paused_reason', 'paused_after', 'paused_skipped')
    end
    if not look_at then push(fields, 'ended', int(now)) end
    if unread then redis.call('HDEL', key, 'unread') end
    redis.call('HSET', key, unpack(fields))
    local skipped = { overlap = skipped_overlap, missed = skipped_missed, paused = skipped_paused, gap = skipped_gap }
    for why, moments in pairs(skipped) do
      if tonumber(moments) > 0 then
        redis.call('HINCRBY', key, 'skipped_' .. why, moments)
        redis.call('HINCRBY', COUNTERS, 'skipped:' .. why, moments)
      end
    end
    if look_at then
      -- With its last run it ends, once that is due.
      if most and runs >= most then look_at = math.max(now, tonumber(string.match(previous, '(%d+):%S+$') or now)) end
      push(planned, int(look_at), name)
    else
      push(ended, name)
    end
    push(looked_at, name)
    -- Timers that a version has forgotten which knows no schedules; one a look keeps up with it.
    local oldest = redis.call('ZRANGE', ROOT .. 'runs:' .. name, 0, 0)[1]
    if oldest and redis.call('EXISTS', record_key(oldest)) == 0 then forget_run(oldest, name) end
  else
    at = at + 3 * count
  end
  push(reply, made)
end

many('ZADD', PLANNED, planned)
many('ZREM', PLANNED, ended)
many('HDEL', PLANNING, looked_at)
write_happened()
if first_due then ring(first_due, earliest) end
local _, next_look = head(PLANNED)
if next_look then reply[2] = math.max(0, next_look * 1000 - us) end
return reply
