#!lua flags=allow-oom
-- Extends the leases of permits that are in use, that of a probe too; one that has ended meanwhile stays so. Repeatable.
-- KEYS[1] timers:destination:{<tag>} (HASH)
-- Computes permits
-- ARGV    ms of the lease | then each permit
-- Returns 1

local ends = int(math.floor(now_us() / 1000) + tonumber(ARGV[1]))
local renewed = { 'XX', 'GT' }
local probe, probe_at = unpack(redis.call('HMGET', KEYS[1], 'probe', 'probe_at'))
for n = 2, #ARGV do
  if probe and ARGV[n] == probe .. ':1' then
    redis.call('HSET', KEYS[1], 'probe_until', ends, 'probe_at', int(math.max(tonumber(ends), tonumber(probe_at))))
  else
    push(renewed, ends, ARGV[n])
  end
end
if renewed[3] then redis.call('ZADD', PERMITS, unpack(renewed)) end
return 1
