-- Sorted sets of names by when they were seen last, each with a hash beside it that says more of every name.

local NAMES = 1000 -- that each has at most

-- Takes names out of both; the hash never has one that the set lacks.
local function drop_names(set, hash, names)
  many('HDEL', hash, names)
  many('ZREM', set, names)
end

-- Drops those that were seen before `moment`, a hundred of them, and those that are too many, the longest silent first.
local function forget_silent(set, hash, moment)
  drop_names(set, hash, redis.call('ZRANGEBYSCORE', set, '-inf', int(moment), 'LIMIT', 0, 100))
  local excess = redis.call('ZCARD', set) - NAMES
  if excess > 0 then drop_names(set, hash, redis.call('ZRANGE', set, 0, excess - 1)) end
end
