#!lua flags=allow-oom
-- Gives claims back unsent: no attempt, no lost lease; the number is handed back. Repeatable: a claim given back already is passed over.
-- KEYS[1] timers:{p}:scheduled (ZSET)
-- Computes waiting, waiting:<tag>, held, behind, expiring, prior, prior:<tag>, delivering, timer:<id>, progress, counters, bell
-- ARGV    per timer 2: id | claim id
-- Returns how many were given back

local FIRST, FIELDS = 1, 2 -- where the first timer's arguments begin, and how many each has

local ids = {}
for at = FIRST, #ARGV, FIELDS do push(ids, ARGV[at]) end
if not ids[1] then return 0 end -- its caller asks whether it may release

local _, earliest = head(SCHEDULED)
local first
local released = 0

for n, raw in ipairs(redis.call('HMGET', PROGRESS, unpack(ids))) do
  local at = FIRST + FIELDS * (n - 1)
  local id, claim = unpack(ARGV, at, at + FIELDS - 1)
  local it = read_progress(raw, '0')
  if it.claim == claim then
    local planned = it.planned or it.due
    it.attempts = it.attempts - 1
    end_claim(it)
    note_progress(id, dump_progress(it))
    if it.lost >= SUSPECT_LOSSES then
      local expiry = expiry_of(read_first_line(id), it.due)
      join(waiting_key(SUSPECTS), planned, id)
      if expiry then join(EXPIRING, int(expiry), id) end
      if it.priority then reorder(id, DELIVERING, SUSPECTS, int(planned - 1000 * it.priority)) end
    else
      join(SCHEDULED, planned, id)
      if it.priority then join(PRIOR, planned, id) end
    end
    leave(DELIVERING, id)
    first = math.min(first or math.huge, tonumber(planned))
    released = released + 1
  end
end

write_moves()
if first then ring(first, earliest) end
return released
