#!lua
-- Withdraws a scheduled timer that has been attempted, and stores a new one in its place in the same breath. Repeatable.
-- KEYS[1] timers:{p}:scheduled (ZSET)
-- Computes waiting, waiting:<tag>, timer:<id>, keys, tag:<tag>, delivering, delivered, failed, cancelled, progress, counters, bell, layout
-- ARGV    id | attempts as read | ms a cancelled timer is kept | id of the new one | its due ms | its record without its created_at
-- Returns 'done' | 'changed': read it again

local id, attempts, keep = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local new_id, due, record = ARGV[4], tonumber(ARGV[5]), ARGV[6]

local refused = refuse_layout()
if refused then return refused end

if redis.call('EXISTS', record_key(new_id)) == 1 then return 'done' end
local status, score, behind = standing(id)
if status ~= 'scheduled' or load_progress(id, score).attempts ~= attempts then return 'changed' end
local now = math.ceil(now_us() / 1000)
local _, earliest = head(SCHEDULED)
create(new_id, record, now, due)
withdraw(id, score, behind, now, now + keep) -- the key is the new one's by now, and stays so
count_ends()
ring(due, earliest)
return 'done'
