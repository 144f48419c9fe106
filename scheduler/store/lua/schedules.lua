#!lua flags=no-writes
-- Reads schedules in the order of their names, until it has told 256 KiB.
-- KEYS[1] timers:{p}:scheduled (ZSET)
-- Computes waiting:<tag>, timer:<id>, delivering, delivered, failed, cancelled, progress, schedules, schedule:<name>
-- ARGV    from which name, as ZRANGE BYLEX takes it: '-', '[<name>' or '(<name>' | to which, '+' or '[<name>' | schedules at most
-- Returns now ms | then per schedule ScheduleRow: name | plan | timer | version | revision | created | after | runs | fired
--         | skipped_overlap | skipped_missed | skipped_paused | skipped_gap | paused | paused_until | paused_by | paused_reason
--         | paused_after | ended | previous: each `<due ms>:<id>:<status or ''>`, between blanks; nil where it has none

local BYTES = 262144

local reply, bytes = { math.floor(now_us() / 1000) }, 0
for _, name in ipairs(redis.call('ZRANGE', ROOT .. 'schedules', ARGV[1], ARGV[2], 'BYLEX', 'LIMIT', 0, ARGV[3])) do
  if bytes >= BYTES then break end
  bytes = bytes + tell_schedule(reply, name)
end
return reply
