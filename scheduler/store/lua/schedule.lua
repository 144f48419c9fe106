#!lua flags=allow-oom
-- Writes a schedule: a new one, another in its place, a pause, or the end of one. Compare-and-set: only one that is as the caller has
-- read it. Runs that were made ahead and are not due are taken back. Repeatable: a write that was made is answered so.
-- A full store does not refuse it, for it pauses too; its caller asks before he adds.
-- KEYS[1] timers:{p}:scheduled (ZSET)
-- Computes prior, waiting, waiting:<tag>, behind, timer:<id>, keys, tag:<tag>, delivering, delivered, failed, cancelled, progress,
--         attempts:<id>, bell, planned, planning, schedules, schedule:<name>, runs:<name>, open:<name>, layout
-- ARGV    name | 'put', 'pause', 'resume' or 'make_up', a resume after which the moments of the pause are looked at again
--         | its revision as read, '' of a new one | its new revision
--         | its `after` as read, and ms up to which no moment is made any more; '' and '' where all are made that are not decided
--         then fields and values, '' for none
-- Returns 'changed': read it again | else now ms, then what it has written as schedules.lua tells it

local name, kind, as_read, revision, after_as_read, from = unpack(ARGV, 1, 6)

local refused = refuse_layout()
if refused then return refused end

local key = schedule_key(name)
local stored = redis.call('HMGET', key, 'revision', 'after', 'runs', 'previous', 'offset', 'missed', 'skipped_paused', 'paused',
                          'paused_after', 'paused_skipped')
local found, after, runs, previous, offset, missed, skipped, paused, paused_after, paused_skipped = unpack(stored)
local now = math.floor(now_us() / 1000)
local reply = { now }
if found == revision then
  tell_schedule(reply, name)
  return reply
end
if (found or '') ~= as_read or (from ~= '' and after ~= after_as_read) then return 'changed' end
-- A look that ends a pause leaves the revision as it was.
if (kind == 'resume' or kind == 'make_up') and not paused then return 'changed' end

local fields, gone_fields = { 'revision', revision }, {}
if found then
  local kept, gone, first, last, missed_by_them = withdraw_ahead(previous or '', now)
  after, offset = tonumber(after), tonumber(offset)
  if gone > 0 then
    after = math.min(after, first - offset - 1)
    -- Another version's ids are others: it must not make the moment of a run that stays.
    if kind == 'put' and last then after = math.max(after, last - offset) end
    push(fields, 'after', int(after))
    push(fields, 'runs', (tonumber(runs) or 0) - gone)
    push(fields, 'missed', int((tonumber(missed) or 0) + missed_by_them))
    push(fields, 'previous', kept)
  end
  if from ~= '' then
    after = int(math.max(after, tonumber(from)))
    push(fields, 'after', after)
    if paused_after then push(fields, 'paused_after', after) end
  end
  if kind == 'pause' and not paused_after then
    push(fields, 'paused_after', int(after))
    push(fields, 'paused_skipped', skipped or 0)
  end
  if kind == 'make_up' and paused_after then
    push(fields, 'after', paused_after)
    push(fields, 'skipped_paused', paused_skipped or 0)
  end
end
for n = 7, #ARGV, 2 do
  if ARGV[n + 1] == '' then push(gone_fields, ARGV[n]) else push(fields, ARGV[n], ARGV[n + 1]) end
end
write_moves()
redis.call('HSET', key, unpack(fields))
many('HDEL', key, gone_fields)
redis.call('ZADD', ROOT .. 'schedules', 0, name)
redis.call('HDEL', PLANNING, name) -- whoever looks at it now is refused
redis.call('ZADD', PLANNED, int(now), name)
redis.pcall('SPUBLISH', ROOT .. 'bell', 'planned')
tell_schedule(reply, name)
return reply
