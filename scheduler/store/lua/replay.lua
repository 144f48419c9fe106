#!lua
-- Schedules delivered or failed timers once more, due now. Repeatable: one that was replayed since the caller read it is left alone.
-- A delivered one begins another occurrence; a failed one goes on with its last, which its receiver has not accepted.
-- KEYS[1] timers:{p}:scheduled (ZSET)
-- Computes prior, waiting, waiting:<tag>, held, behind, timer:<id>, keys, tag:<tag>, delivering, delivered, failed, cancelled,
--         progress, counters, bell, runs:<name>, open:<name>, unread, layout
-- ARGV    per timer 2: id, each once | attempts as read
-- Returns per timer: 'done' | its status if that does not allow it, '' if it is unknown | 'key <id>': who has its key now
--         | 'format <n>': only a caller who knows that may | 'expired': it is too late to be sent

local FIRST, FIELDS = 1, 2 -- where the first timer's arguments begin, and how many each has

local refused = refuse_layout()
if refused then return refused end

local now = math.ceil(now_us() / 1000)
local due = int(now)
local _, earliest = head(SCHEDULED)
local replayed = false
local taken = {} -- keys of those that this call has replayed

local function replay(id, attempts)
  local status, _, from = standing(id)
  if not status then return '' end
  local it = load_progress(id, due)
  if it.attempts > attempts or (it.why == 'replay' and status == 'scheduled') then
    if status == 'scheduled' then -- the store may have refused the first call in its middle
      leave(ROOT .. 'delivered', id)
      leave(ROOT .. 'failed', id)
    end
    return 'done'
  end
  if status ~= 'delivered' and status ~= 'failed' then return status end
  local later = refuse_format(id)
  if later then return later end
  local _, line = read_traits(id)
  local expiry = expiry_of(line, now)
  if expiry and now >= expiry then return 'expired' end
  if it.named then
    line = line or read_first_line(id)
    local key = names_of(line)
    local holder = key and (taken[key] or holder_of(key, id))
    if holder then return 'key ' .. holder end
    note_names(id, line, due)
    if key then taken[key] = id end
  end
  if status == 'delivered' and it.why ~= 'replay' then begin_occurrence(it, 0) end
  it.due, it.why, it.base, it.lost = due, 'replay', it.attempts, 0
  it.ended, it.reason = nil, nil
  if notes_ends then leave(UNREAD, id) end -- it ends again
  note_progress(id, dump_progress(it))
  join(SCHEDULED, due, id)
  if line and word(line, 'priority') then join(PRIOR, due, id) end
  leave(from, id)
  replayed = true
  return 'done'
end

local reply = {}
for at = FIRST, #ARGV, FIELDS do
  local id, attempts = unpack(ARGV, at, at + FIELDS - 1)
  push(reply, replay(id, tonumber(attempts)))
end
write_moves()
if replayed then ring(now, earliest) end
return reply
