#!lua flags=allow-oom
-- Ends timers that have expired while they wait: behind a destination for which nobody has room, or as suspects. Claims end all
-- others that are too late. Repeatable: what has ended is passed over.
-- KEYS[1] timers:{p}:scheduled (ZSET)
-- Computes expiring, prior, prior:<tag>, waiting, waiting:<tag>, held, behind, delivering, delivered, failed, cancelled, timer:<id>, keys,
--         progress, attempts:<id>, counters, minute:<n>, bell, planned, planning, schedule:<name>, open:<name>, unread, layout
-- ARGV    ms a failed timer is kept | timers it looks at, at most
-- Returns how many it has looked at: as many as it may, and there may be more

local keep, most = tonumber(ARGV[1]), tonumber(ARGV[2])

local LATER = 1000 -- ms until what has not expired yet, or only a later version may end, is looked at again

local refused = refuse_layout()
if refused then return refused end

local now = math.floor(now_us() / 1000)
local at, forget_at = int(now), int(now + keep)

local function look_at(id)
  local status, score, from = standing(id)
  if status ~= 'scheduled' then return leave(EXPIRING, id) end -- it left its place otherwise
  local _, line = read_traits(id)
  local it = load_progress(id, int(score))
  local expiry = expiry_of(line, it.due)
  if is_later(format_of(line)) or expiry and expiry >= now then
    join(EXPIRING, int(math.max(expiry or 0, now + LATER)), id)
  elseif not expiry or it.reason == 'cancelled' then -- the store refused that in its middle: its repeat goes on
    leave(EXPIRING, id)
  elseif not (it.claim and redis.call('ZSCORE', DELIVERING, id)) then
    if it.claim then it.attempts = it.attempts - 1 end -- one that was never answered
    it.ended, it.reason = nil, nil
    fail(id, from, line, it, 'expired', at, forget_at)
  end
end

local found = redis.call('ZRANGEBYSCORE', EXPIRING, '-inf', '(' .. at, 'LIMIT', 0, most)
for _, id in ipairs(found) do look_at(id) end
write_moves()
return #found
