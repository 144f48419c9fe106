#!lua
-- Withdraws a scheduled timer that has been attempted, and stores a new one in its place in the same breath. Repeatable, also
-- after a call that stopped in its middle: what stands of the new one is left, and the old one is withdrawn if it still stands.
-- KEYS[1] timers:{p}:scheduled (ZSET)
-- Computes waiting, waiting:<tag>, held, behind, expiring, prior, prior:<tag>, timer:<id>, keys, tag:<tag>, delivering, delivered,
--         failed, cancelled, progress, attempts:<id>, counters, minute:<n>, bell, planned, planning, schedule:<name>, runs:<name>,
--         open:<name>, unread, layout
-- ARGV    id | attempts as read | ms a cancelled timer is kept | id of the new one | its due ms | its record without its created_at
-- Returns 'done' | 'changed': read it again | 'format <n>': only a caller who knows that may

local id, attempts, keep = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local new_id, due, record = ARGV[4], tonumber(ARGV[5]), ARGV[6]

local refused = refuse_layout()
if refused then return refused end

local is_made = standing(new_id) ~= nil
local status, score, from = standing(id)
if status ~= 'scheduled' or load_progress(id).attempts ~= attempts then return is_made and 'done' or 'changed' end
local later = refuse_format(id)
if later then return later end
local now = math.ceil(now_us() / 1000)
local _, earliest = head(SCHEDULED)
if not is_made then create(new_id, record, int(now), int(due)) end
withdraw(id, from, score, int(now), int(now + keep)) -- the key is the new one's by now, and stays so
write_moves()
ring(due, earliest)
return 'done'
