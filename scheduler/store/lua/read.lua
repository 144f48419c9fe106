#!lua flags=no-writes
-- Reads a timer as it stands.
-- KEYS[1] timers:{p}:scheduled (ZSET)
-- Computes waiting:<tag>, delivering, delivered, failed, cancelled, timer:<id>, progress, attempts:<id>
-- ARGV    id
-- Returns now ms | then, if it is known, 10: id | status | record | due ms | planned ms, or of its end | attempts
--         | its last attempt's JSON or '' | why it is sent again, or the reason of its end | occurrence | attempts before that

local id = ARGV[1]
local reply = { math.ceil(now_us() / 1000) }
local status, score = standing(id)
if status and redis.call('EXISTS', record_key(id)) == 1 then describe(reply, id, status, score) end
return reply
