#!lua flags=no-writes
-- Tells notes of changes of rules that are so old that their writers must have died; and those of moments to come, which a clock made
-- that has been set back.
-- KEYS[1] timers:{p}:scheduled (ZSET)
-- Computes untold
-- ARGV    ms that a writer is given | notes at most, of each kind
-- Returns notes, `<destination tag> <chance>`

local patience, most = tonumber(ARGV[1]), tonumber(ARGV[2])
local now = math.floor(now_us() / 1000)
local found = redis.call('ZRANGEBYSCORE', ROOT .. 'untold', '-inf', int(now - patience), 'LIMIT', 0, most)
local odd = redis.call('ZRANGEBYSCORE', ROOT .. 'untold', int(now + patience), '+inf', 'LIMIT', 0, most)
for _, note in ipairs(odd) do push(found, note) end
return found
