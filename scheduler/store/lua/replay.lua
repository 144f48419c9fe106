#!lua
-- Schedules delivered or failed timers once more, due now. Repeatable: one that was replayed since the caller read it is left alone.
-- A delivered one begins another occurrence; a failed one goes on with its last, which its receiver has not accepted.
-- KEYS[1] timers:{p}:scheduled (ZSET)
-- Computes waiting:<tag>, timer:<id>, keys, tag:<tag>, delivering, delivered, failed, cancelled, progress, bell, layout
-- ARGV    per timer 2: id | attempts as read
-- Returns per timer: 'done' | its status if that does not allow it, '' if it is unknown | 'key <id>': who has its key now

local refused = refuse_layout()
if refused then return refused end

local now = math.ceil(now_us() / 1000)
local _, earliest = head(SCHEDULED)
local replayed = false

local function replay(id, attempts)
  local status = standing(id)
  if not status then return '' end
  local it = load_progress(id, now)
  if it.attempts > attempts or (it.why == 'replay' and status == 'scheduled') then return 'done' end
  if status ~= 'delivered' and status ~= 'failed' then return status end
  if it.named then
    local line = read_first_line(id)
    local key = names_of(line)
    local holder = key and holder_of(key, id)
    if holder then return 'key ' .. holder end
    note_names(id, line, now)
  end
  if status == 'delivered' then begin_occurrence(it, 0) end
  it.due, it.planned, it.why, it.base, it.lost = now, now, 'replay', it.attempts, 0
  redis.call('HSET', PROGRESS, id, dump_progress(it))
  redis.call('ZADD', SCHEDULED, int(now), id)
  redis.call('ZREM', ROOT .. status, id)
  replayed = true
  return 'done'
end

local reply = {}
for i = 1, #ARGV, 2 do push(reply, replay(ARGV[i], tonumber(ARGV[i + 1]))) end
if replayed then ring(now, earliest) end
return reply
