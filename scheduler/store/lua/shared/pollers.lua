-- The pollers that were seen, by what they claim and renew.

local POLLERS, LOADS = ROOT .. 'pollers', ROOT .. 'loads'
local SHOWN = 3600000 -- ms for which one is told that is silent

-- Notes that a poller was here, with so many attempts under way of so many at most. Old ones are forgotten when a new one comes.
local function note_poller(now, name, in_flight, slots)
  local is_new = redis.call('ZADD', POLLERS, int(now), name) == 1
  redis.call('HSET', LOADS, name, in_flight .. ' ' .. slots)
  if is_new then rarely().forget_silent(POLLERS, LOADS, now - SHOWN) end
end
