#!lua flags=no-writes
-- Reads timers as they stand, until it has told 256 KiB.
-- KEYS[1] timers:{p}:scheduled (ZSET)
-- Computes waiting:<tag>, held, holds, delivering, delivered, failed, cancelled, timer:<id>, progress, attempts:<id>
-- ARGV    ids
-- Returns now ms | how many ids it has looked at
--         then per timer that is known TimerRow: id | status | score ms | record | progress or '' | last_attempt, its JSON, or ''
--         if there is none but in its progress | hold of its destination, or '' | ahead: how many its rate sends before it

local BYTES = 262144

local now = math.ceil(now_us() / 1000)
local reply, bytes = { now, 0 }, 0
for n, id in ipairs(ARGV) do
  if bytes >= BYTES then break end
  local status, score = standing(id)
  if status and redis.call('EXISTS', record_key(id)) == 1 then bytes = bytes + describe(reply, id, status, score, now) end
  reply[2] = n
end
return reply
