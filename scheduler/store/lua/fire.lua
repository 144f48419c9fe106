#!lua flags=allow-oom
-- Makes a scheduled timer due now. Repeatable: one that has been attempted since the caller read it has been fired.
-- KEYS[1] timers:{p}:scheduled (ZSET)
-- Computes prior, waiting:<tag>, timer:<id>, keys, tag:<tag>, delivering, delivered, failed, cancelled, progress, counters, bell,
--         runs:<name>, open:<name>, layout
-- ARGV    id | attempts as read
-- Returns 'done' | 'format <n>': only a caller who knows that may | its status if it is not scheduled, '' if it is unknown

local id, attempts = ARGV[1], tonumber(ARGV[2])

local refused = refuse_layout()
if refused then return refused end

local now = math.ceil(now_us() / 1000)
local status, due, from = standing(id)
if not status then return '' end
local raw = redis.call('HGET', PROGRESS, id)
local it = read_progress(raw, int(due))
if it.attempts > attempts then return 'done' end
if status ~= 'scheduled' then return status end
local later = refuse_format(id)
if later then return later end
-- One that waits behind its destination was due before, even if the store's clock has been set back since.
it.ended, it.reason = nil, nil -- of a cancel that the store refused in its middle
if due > now and from == SCHEDULED then
  local _, earliest = head(SCHEDULED)
  it.due = int(now)
  local line = read_first_line(id)
  note_names(id, line, it.due)
  if word(line, 'priority') then redis.call('ZADD', PRIOR, it.due, id) end
  if raw then redis.call('HSET', PROGRESS, id, dump_progress(it)) end
  redis.call('ZADD', SCHEDULED, it.due, id)
  ring(now, earliest)
end
return 'done'
