#!lua flags=no-writes
-- Says how timers stand, without what they hold.
-- KEYS[1] timers:{p}:scheduled (ZSET)
-- Computes waiting:<tag>, delivering, delivered, failed, cancelled, timer:<id>, progress
-- ARGV    ids
-- Returns per id 3: its status, or '' if it is unknown | attempts | ms at which it was due, or 0 if it was never claimed

local reply = {}
for _, id in ipairs(ARGV) do
  local status = standing(id)
  local it = status and load_progress(id, '0')
  push(reply, status or '', it and it.attempts or 0)
  push(reply, it and tonumber(it.due) or 0)
end
return reply
