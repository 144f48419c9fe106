#!lua
-- Changes a scheduled timer: what it holds and, if asked, when it is due. Compare-and-set: only one that is as the caller has read it.
-- KEYS[1] timers:{p}:scheduled (ZSET)
-- Computes waiting, waiting:<tag>, timer:<id>, keys, tag:<tag>, delivering, delivered, failed, cancelled, progress, bell, layout
-- ARGV    id | its record as read | attempts as read | the new record without its created_at, with the same key
--         | due ms, or '' to leave it
-- Returns 'done' | 'changed': read it again | its status if it is not scheduled, '' if it is unknown

local id, as_read, attempts, record, due = ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[4], tonumber(ARGV[5])

local refused = refuse_layout()
if refused then return refused end

local status, score, behind = standing(id)
if status ~= 'scheduled' then return status or '' end
local before, raw = redis.call('GET', record_key(id)), redis.call('HGET', PROGRESS, id)
local it = read_progress(raw, score)
if before ~= as_read or it.attempts ~= attempts then return 'changed' end

local _, earliest = head(SCHEDULED)
local after = string.match(before, '^%d+ ') .. record
forget_names(id, first_line(before))
redis.call('SET', record_key(id), after)
it.named = is_named(record)
if due then
  it.due, it.planned = due, due
  if attempts > 0 then it.why, it.base = 'rescheduled', attempts end
end
if raw then redis.call('HSET', PROGRESS, id, dump_progress(it)) end
note_names(id, first_line(record), it.due)
redis.call('ZADD', SCHEDULED, int(due or score), id)
-- Behind its destination only what is due waits, and it may have another destination now: the next claim decides.
if behind then stop_waiting(id, behind) end
ring(due or score, earliest)
return 'done'
