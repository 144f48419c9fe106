#!lua flags=no-writes
-- Tells the destinations whose latest attempts failed, and some of those behind which due timers wait for room.
-- KEYS[1] timers:{p}:scheduled (ZSET)
-- Computes failing, failures, waiting, waiting:<tag>
-- ARGV    place of the first destination that waits, in the order of their earliest timers | place of the last
-- Returns how many wait in all | failing: per destination 3: its tag | ms of the last failed attempt | its words
--         | waiting: per destination 4: its tag | how many timers | ms at which the earliest is due | id of that one

local failing, waiting = {}, {}
local found = redis.call('ZRANGE', FAILING, 0, -1, 'WITHSCORES')
if found[1] then
  local tags = {}
  for n = 1, #found, 2 do push(tags, found[n]) end
  for n, words in ipairs(redis.call('HMGET', FAILURES, unpack(tags))) do
    push(failing, tags[n], found[2 * n])
    push(failing, words or '')
  end
end
for _, tag in ipairs(redis.call('ZRANGE', WAITING, ARGV[1], ARGV[2])) do
  local first = redis.call('ZRANGE', waiting_key(tag), 0, 0, 'WITHSCORES')
  if first[1] and string.sub(tag, 1, 1) ~= '!' then
    push(waiting, tag, redis.call('ZCARD', waiting_key(tag)))
    push(waiting, first[2], first[1])
  end
end
return { redis.call('ZCARD', WAITING), failing, waiting }
