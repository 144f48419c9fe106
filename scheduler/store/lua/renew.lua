#!lua flags=allow-oom
-- Extends leases; never shortens one. Repeatable. Its caller is seen by it: one whose slots are all taken claims nothing.
-- KEYS[1] timers:{p}:scheduled (ZSET)
-- Computes delivering, progress, seen, pollers, loads
-- ARGV    lease ms | poller | attempts that it has under way | of so many at most
--         then per timer 3: id | claim id | ms from now its lease shall end
-- Returns the ids that are no longer the caller's

local lease = tonumber(ARGV[1])
local FIRST, FIELDS = 5, 3 -- where the first timer's arguments begin, and how many each has

local now = math.floor(now_us() / 1000)
seen(now, lease)

local ids, refused, renewed = {}, {}, { 'XX', 'GT' }
for at = FIRST, #ARGV, FIELDS do push(ids, ARGV[at]) end
if not ids[1] then return refused end -- its caller asks whether it may renew
note_poller(now, ARGV[2], ARGV[3], ARGV[4])

for n, raw in ipairs(redis.call('HMGET', PROGRESS, unpack(ids))) do
  local at = FIRST + FIELDS * (n - 1)
  local id, claim, ms = unpack(ARGV, at, at + FIELDS - 1)
  if is_claimed_by(raw, claim) then
    push(renewed, int(now + tonumber(ms)), id)
  else
    push(refused, id)
  end
end
if renewed[3] then redis.call('ZADD', DELIVERING, unpack(renewed)) end
return refused
