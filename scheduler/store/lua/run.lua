#!lua
-- Makes one run of a schedule now, whatever its plan, its pause and its other runs. Repeatable: an id that exists is left as it is,
-- and noted in its schedule if a call that was broken off has not done so.
-- KEYS[1] timers:{p}:scheduled (ZSET)
-- Computes prior, waiting:<tag>, timer:<id>, keys, tag:<tag>, delivering, delivered, failed, cancelled, progress, minute:<n>, bell,
--         schedule:<name>, runs:<name>, open:<name>, counters, layout
-- ARGV    name of the schedule | id of the run
-- Returns 'done', or '' if the schedule is unknown

local name, id = ARGV[1], ARGV[2]

local refused = refuse_layout()
if refused then return refused end

local key = schedule_key(name)
local timer, fired, previous = unpack(redis.call('HMGET', key, 'timer', 'fired', 'previous'))
if not timer then return '' end
previous = previous or ''
if string.find(previous, ':' .. id, 1, true) then return 'done' end
local now = math.floor(now_us() / 1000) -- due at once, also for a change of its schedule in the same millisecond
local stands = is_made(id)
local at = stands and tonumber(string.match(read_first_line(id), '^%d+')) or now
-- It stands after those of its moment and of earlier ones.
local before, after, over, is_cut = {}, {}, 0, true
for entry in string.gmatch(previous, '%S+') do
  local due = tonumber(string.match(entry, '^%d+'))
  push(due > at and after or before, entry)
  if due < at then is_cut = false end
  if due <= now then over = over + 1 end
end
-- Of a run that stands, whether it was noted, and so many others since that it is no longer told.
if at < now and is_cut and over >= PREVIOUS then return 'done' end
local _, earliest = head(SCHEDULED)
if not stands then
  local line, rest = split_record(timer)
  create_run(name, line, rest, id, int(now), int(now), 0)
end
push(before, int(at) .. ':' .. id)
for _, entry in ipairs(after) do push(before, entry) end
redis.call('HSET', key, 'fired', int((tonumber(fired) or 0) + 1), 'previous', cut_previous(table.concat(before, ' '), now))
write_happened()
ring(now, earliest)
return 'done'
