#!lua flags=no-writes
-- Says how timers stand, without what they hold.
-- KEYS[1] timers:{p}:scheduled (ZSET)
-- Computes waiting:<tag>, delivering, delivered, failed, cancelled, timer:<id>, progress
-- ARGV    ids
-- Returns per id 2: its status, or '' if it is unknown | attempts

local reply = {}
for _, id in ipairs(ARGV) do
  local status = standing(id)
  push(reply, status or '', status and load_progress(id).attempts or 0)
end
return reply
