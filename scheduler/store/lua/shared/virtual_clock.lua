-- The clock of a store that was laid out with a virtual one: it goes as the server's does, so many us ahead of it. In every
-- script of such a store this stands in the place of now_us() of keys.lua; the key that it reads is in no script's contract.

local function now_us()
  local time = redis.call('TIME')
  local root = string.match(KEYS[1], '^timers:{%w+}:') or 'timers:{0}:' -- a destination's slot goes by the first partition's
  return time[1] * 1000000 + time[2] + (redis.call('GET', root .. 'ahead') or 0)
end
