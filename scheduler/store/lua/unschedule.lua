#!lua flags=allow-oom
-- Deletes a schedule: from the first call on it makes no run, and with the last it is gone. Runs that were made ahead and are not due
-- are taken back; others that wait are cancelled, if so asked, a hundred a call. What is in flight goes on. Repeatable.
-- KEYS[1] timers:{p}:scheduled (ZSET)
-- Computes waiting, waiting:<tag>, held, behind, expiring, prior, prior:<tag>, timer:<id>, keys, tag:<tag>, delivering, delivered,
--         failed, cancelled, progress, attempts:<id>, counters, minute:<n>, planned, planning, schedules, schedule:<name>,
--         runs:<name>, open:<name>, bell, unread, layout
-- ARGV    name | 'cancel' or 'keep' | ms a cancelled timer is kept | unfinished runs to pass over, that earlier calls found in flight
--         | its version, '' for any
-- Returns '' if there is none, as for a repeat | 'changed' if it is of another version | 'done'
--         | else how many to pass over in the next call

local CANCEL = 100

local name, open, keep, from_run = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])

local refused = refuse_layout()
if refused then return refused end

local key = schedule_key(name)
local found = redis.call('HGET', key, 'version')
if not found then return '' end
if ARGV[5] ~= '' and ARGV[5] ~= found then return 'changed' end
local now = math.floor(now_us() / 1000)
redis.call('ZREM', PLANNED, name)
redis.call('HDEL', PLANNING, name)
-- Should no other call follow, it says that it has ended.
redis.call('HSET', key, 'previous', (withdraw_ahead(redis.call('HGET', key, 'previous') or '', now)), 'ended', int(now))
write_moves()

local ids = open == 'cancel' and redis.call('ZRANGE', ROOT .. 'open:' .. name, from_run, from_run + CANCEL - 1) or {}
for _, id in ipairs(ids) do
  local status, due, from = standing(id)
  if status == 'scheduled' and not refuse_format(id) then
    withdraw(id, from, due, int(now), int(now + keep))
  elseif status == 'scheduled' or status == 'delivering' then
    from_run = from_run + 1
  else
    redis.call('ZREM', ROOT .. 'open:' .. name, id)
  end
end
write_moves()
if #ids == CANCEL then return int(from_run) end
redis.call('ZREM', ROOT .. 'schedules', name)
redis.call('DEL', key)
return 'done'
