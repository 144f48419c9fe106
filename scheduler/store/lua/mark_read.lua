#!lua flags=allow-oom
-- Takes ended timers that a history has read out of those that are unread, unless they have ended anew since. Repeatable.
-- Those that were forgotten unread, as versions do that know of no history, are counted as given up.
-- KEYS[1] timers:{p}:scheduled (ZSET)
-- Computes unread, timer:<id>, counters
-- ARGV    per timer 2: id, each once | ms at which it ended, as it was read
-- Returns how many it took out

local FIRST, FIELDS = 1, 2 -- where the first timer's arguments begin, and how many each has

local gone, lost = {}, 0
for at = FIRST, #ARGV, FIELDS do
  local id, ended_at = unpack(ARGV, at, at + FIELDS - 1)
  local score = redis.call('ZSCORE', UNREAD, id)
  if score and tonumber(score) == tonumber(ended_at) then
    push(gone, id)
    lost = lost + 1 - redis.call('EXISTS', record_key(id))
  end
end
if lost > 0 then redis.call('HINCRBY', COUNTERS, 'unread_given_up', lost) end
many('ZREM', UNREAD, gone)
return #gone
