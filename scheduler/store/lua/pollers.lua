#!lua flags=no-writes
-- Tells the pollers that were seen in the last hour.
-- KEYS[1] timers:{p}:scheduled (ZSET)
-- Computes pollers, loads
-- ARGV    none
-- Returns now ms | then per poller 3: its name | ms it was seen last | `<attempts under way> <of so many at most>`, or ''

local now = math.floor(now_us() / 1000)
local reply = { now }
local seen = redis.call('ZRANGEBYSCORE', POLLERS, int(now - SHOWN), 'inf', 'WITHSCORES')
if not seen[1] then return reply end

local names = {}
for n = 1, #seen, 2 do push(names, seen[n]) end
for n, load in ipairs(redis.call('HMGET', LOADS, unpack(names))) do
  push(reply, names[n], seen[2 * n])
  push(reply, load or '')
end
return reply
