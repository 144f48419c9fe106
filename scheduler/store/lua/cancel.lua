#!lua flags=allow-oom
-- Withdraws timers that no poller holds. Repeatable: a cancelled timer is answered 'cancelled' again.
-- KEYS[1] timers:{p}:scheduled (ZSET)
-- Computes waiting, waiting:<tag>, held, behind, expiring, prior, prior:<tag>, timer:<id>, keys, delivering, delivered, failed,
--         cancelled, progress, attempts:<id>, counters, minute:<n>, bell, planned, planning, schedule:<name>, open:<name>, unread, layout
-- ARGV    ms a cancelled timer is kept | then ids, each once
-- Returns per id its status now ('cancelled': done), 'format <n>' if only a caller who knows that may, or '' if it is unknown

local keep = tonumber(ARGV[1])

local refused = refuse_layout()
if refused then return refused end

local now = math.ceil(now_us() / 1000)
local forget_at = int(now + keep)
local reply = {}

for i = 2, #ARGV do
  local id = ARGV[i]
  local status, due, from = standing(id)
  local later = status == 'scheduled' and refuse_format(id)
  if later then
    status = later
  elseif status == 'scheduled' then
    withdraw(id, from, due, int(now), forget_at)
    status = 'cancelled'
  end
  push(reply, status or '')
end
write_moves()
return reply
