#!lua flags=no-writes
-- Tells what happened in some minutes, the latest first.
-- KEYS[1] timers:{p}:scheduled (ZSET)
-- Computes minute:<n>
-- ARGV    the latest of the minutes, since the epoch, or '': this one | how many | then the fields of each that are told
-- Returns now ms | the latest of the minutes | then per minute the fields, each nil if it has none; none at all where nothing happened

local now = math.floor(now_us() / 1000)
local latest, count = tonumber(ARGV[1]) or math.floor(now / 60000), tonumber(ARGV[2])
local reply = { now, latest }
for minute = latest, latest - count + 1, -1 do
  local fields = redis.call('HMGET', minute_key(minute), 'at', unpack(ARGV, 3))
  push(reply, table.remove(fields, 1) == int(minute) and fields or {})
end
return reply
