#!lua flags=allow-oom
-- Gives claims back unsent: no attempt, no lost lease; the number is handed back. Repeatable: a claim given back already is passed over.
-- KEYS[1] timers:{p}:scheduled (ZSET)
-- Computes waiting, waiting:<tag>, delivering, claims, progress, bell
-- ARGV    per timer 2: id | claim id
-- Returns how many were given back

local _, earliest = head(SCHEDULED)
local first
local released = 0

for i = 1, #ARGV, 2 do
  local id, claim = ARGV[i], ARGV[i + 1]
  if redis.call('HGET', CLAIMS, id) == claim then
    local it = load_progress(id, 0)
    it.attempts = it.attempts - 1
    redis.call('HSET', PROGRESS, id, dump_progress(it))
    if it.lost >= SUSPECT_LOSSES then
      let_wait(id, SUSPECTS, it.planned)
    else
      redis.call('ZADD', SCHEDULED, int(it.planned), id)
    end
    redis.call('ZREM', DELIVERING, id)
    redis.call('HDEL', CLAIMS, id)
    first = math.min(first or it.planned, it.planned)
    released = released + 1
  end
end

if first then ring(first, earliest) end
return released
