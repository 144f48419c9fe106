#!lua flags=no-writes
-- Reads a timer as it stands.
-- KEYS[1] timers:{p}:scheduled (ZSET)
-- Computes waiting:<tag>, delivering, delivered, failed, cancelled, timer:<id>, progress, attempts:<id>
-- ARGV    id
-- Returns now ms | then, if it is known, TimerRow: id | status | score ms | record | progress or '' | last_attempt, its JSON, or ''
--         if there is none but in its progress

local id = ARGV[1]
local reply = { math.ceil(now_us() / 1000) }
local status, score = standing(id)
if status and redis.call('EXISTS', record_key(id)) == 1 then describe(reply, id, status, score) end
return reply
