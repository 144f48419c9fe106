#!lua
-- Changes a scheduled timer: what it holds and, if asked, when it is due. Compare-and-set: only one that is as the caller has read it.
-- KEYS[1] timers:{p}:scheduled (ZSET)
-- Computes waiting, waiting:<tag>, held, behind, expiring, prior, prior:<tag>, timer:<id>, keys, tag:<tag>, delivering, delivered,
--         failed, cancelled, progress, counters, bell, runs:<name>, open:<name>, layout
-- ARGV    id | its record as read | attempts as read | the new record without its created_at, with the same key
--         | due ms, or '' to leave it
-- Returns 'done' | 'changed': read it again | 'format <n>': only a caller who knows that may
--         | its status if it is not scheduled, '' if it is unknown

local id, as_read, attempts, record, due = ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[4], tonumber(ARGV[5])

local refused = refuse_layout()
if refused then return refused end

local status, score, from = standing(id)
if status ~= 'scheduled' then return status or '' end
local later = refuse_format(id)
if later then return later end
local before, raw = redis.call('GET', record_key(id)), redis.call('HGET', PROGRESS, id)
local it = read_progress(raw, int(score))
if before ~= as_read or it.attempts ~= attempts then return 'changed' end

local _, earliest = head(SCHEDULED)
local line = first_line(record)
it.named = is_named(line) and 1 or nil
it.priority = word(line, 'priority')
if due then
  it.due = int(due)
  if attempts > 0 then it.why, it.base = 'rescheduled', attempts end
end
it.ended, it.reason = nil, nil -- of a cancel that the store refused in its middle
if raw then note_progress(id, dump_progress(it)) end
change_names(id, first_line(before), line, it.due) -- before the record that tells of them
redis.call('SET', record_key(id), string.match(before, '^%d+ ') .. record)
-- A retry that would come too late is looked at when it is certain that it does.
local moment = due or math.min(score, (expiry_of(line, it.due) or score) + 1)
join(SCHEDULED, int(moment), id)
if it.priority then note_order(id, int(moment)) elseif word(first_line(before), 'priority') then leave(PRIOR, id) end
-- Behind its destination only what is due waits, and it may have another destination now: the next claim decides.
if from ~= SCHEDULED then
  leave(from, id)
  leave(EXPIRING, id)
  if word(first_line(before), 'priority') then leave(PRIOR .. ':' .. tag_of(from), id) end
end
write_moves()
ring(moment, earliest)
return 'done'
