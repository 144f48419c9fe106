#!lua
-- Stores new timers durably. Repeatable: an id that exists already is left as it is, and answered as it stands.
-- A full store refuses this script (no allow-oom): it adds.
-- KEYS[1] timers:{p}:scheduled (ZSET)
-- Computes prior, waiting, waiting:<tag>, behind, timer:<id>, keys, tag:<tag>, delivering, delivered, failed, cancelled, progress,
--         counters, minute:<n>, bell, runs:<name>, open:<name>, layout
-- ARGV    pending timers there may be, 0 for any number; less those behind more destinations than are counted here, at least 1
--         then per timer 4: id | 'in' or 'at' | ms (a delay, or a moment: one in the past means now) | record without its created_at
-- Returns per timer 2: created_at ms | due_at ms; or -1 | id of the timer that has its key; or -2 | 0: too many are pending; or
--         -3 | 0: it expires before it is due

local most = tonumber(ARGV[1])
local FIRST, FIELDS = 2, 4 -- where the first timer's arguments begin, and how many each has

local refused = refuse_layout()
if refused then return refused end

-- Rounded up: a delay counts from no earlier than now, so nothing is early.
local now = math.ceil(now_us() / 1000)
local _, earliest = head(SCHEDULED)
local room = math.huge
if most > 0 then
  room = most - redis.call('ZCARD', SCHEDULED) - count_waiting(0, COUNTED - 1) - redis.call('ZCARD', DELIVERING)
end
local first
local reply = {}

for at = FIRST, #ARGV, FIELDS do
  local id, kind, ms, record = unpack(ARGV, at, at + FIELDS - 1)
  local stored = redis.call('GETRANGE', record_key(id), 0, 20)
  -- A record that stands nowhere is the half of a call that the store refused in its middle: it is stored anew.
  local status, score = nil, nil
  if stored ~= '' then status, score = standing(id) end
  local line = not status and named_line(record)
  local key = line and word(line, 'key')
  local holder = key and holder_of(key, id)
  if status then
    push(reply, tonumber(string.match(stored, '^%d+') or 0), tonumber(load_progress(id, int(score)).due))
  elseif holder then
    push(reply, -1, holder)
  elseif room <= 0 then
    push(reply, -2, 0)
  else
    local due = kind == 'in' and now + tonumber(ms) or math.max(now, tonumber(ms))
    local expiry = expiry_of(line, due)
    if expiry and expiry <= due then
      push(reply, -3, 0)
    else
      create(id, record, int(now), int(due))
      first = math.min(first or due, due)
      room = room - 1
      push(reply, now, due)
    end
  end
end

write_happened()
if first then ring(first, earliest) end
return reply
