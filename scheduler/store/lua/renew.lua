#!lua flags=allow-oom
-- Extends leases; never shortens one. Repeatable.
-- KEYS[1] timers:{p}:scheduled (ZSET)
-- Computes delivering, claims, seen
-- ARGV    lease ms | then per timer 3: id | claim id | ms from now its lease shall end
-- Returns the ids that are no longer the caller's

local lease = tonumber(ARGV[1])
local now = math.floor(now_us() / 1000)
local refused = {}

seen(now, lease)
for i = 2, #ARGV, 3 do
  local id, claim, ms = ARGV[i], ARGV[i + 1], tonumber(ARGV[i + 2])
  if redis.call('HGET', CLAIMS, id) == claim then
    redis.call('ZADD', DELIVERING, 'XX', 'GT', int(now + ms), id)
  else
    refused[#refused + 1] = id
  end
end
return refused
