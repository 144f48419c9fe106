#!lua flags=allow-oom
-- Withdraws a timer that no poller holds. Repeatable: a cancelled timer is answered 'cancelled' again.
-- KEYS[1] timers:{p}:scheduled (ZSET)
-- Computes waiting, waiting:<tag>, timer:<id>, delivering, delivered, failed, cancelled, progress
-- ARGV    id | ms a cancelled timer is kept
-- Returns its status now ('cancelled': done), or nil if it is unknown

local id, keep = ARGV[1], tonumber(ARGV[2])

local tag, due = place(id)
if due then
  redis.call('HSET', PROGRESS, id, dump_progress(load_progress(id, due))) -- its score goes; due_at stays readable
  redis.call('ZADD', ROOT .. 'cancelled', int(now_us() / 1000 + keep), id)
  if tag then stop_waiting(id, tag) else redis.call('ZREM', SCHEDULED, id) end
end
for _, status in ipairs({ 'cancelled', 'delivering', 'delivered', 'failed' }) do
  if redis.call('ZSCORE', ROOT .. status, id) then return status end
end
return false
