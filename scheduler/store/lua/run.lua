#!lua
-- Makes one run of a schedule now, whatever its plan, its pause and its other runs. Repeatable: an id that exists is left as it is.
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
if string.find(previous, ':' .. id, 1, true) or is_made(id) then return 'done' end
local now = math.ceil(now_us() / 1000)
local _, earliest = head(SCHEDULED)
local line, rest = split_record(timer)
create_run(name, line, rest, id, int(now), int(now), 0)
-- It stands before those that are made ahead.
local due, ahead = {}, {}
for entry in string.gmatch(previous, '%S+') do
  push(tonumber(string.match(entry, '^%d+')) > now and ahead or due, entry)
end
push(due, int(now) .. ':' .. id)
for _, entry in ipairs(ahead) do push(due, entry) end
redis.call('HSET', key, 'fired', int((tonumber(fired) or 0) + 1), 'previous', cut_previous(table.concat(due, ' '), now))
write_happened()
ring(now, earliest)
return 'done'
