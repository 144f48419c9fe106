-- The clock of a store that was laid out with a virtual one: it goes as the server's does, so many us ahead of it. In every
-- script of such a store this stands in the place of now_us() of keys.lua; the key that it reads is in no script's contract.

local function now_us()
  local time = redis.call('TIME')
  return time[1] * 1000000 + time[2] + (redis.call('GET', ROOT .. 'ahead') or 0)
end
