#!lua flags=no-writes
-- Tells what one partition knows of destinations: sums, and the due timers that wait there.
-- KEYS[1] timers:{p}:scheduled (ZSET)
-- Computes observed, waiting:<tag>
-- ARGV    their tags
-- Returns per destination 3: its sums in words, or '' | how many timers wait | ms at which the earliest of them was due, or -1

local reply, sums = {}, redis.call('HMGET', OBSERVED, unpack(ARGV))
for n, tag in ipairs(ARGV) do
  local _, due = head(waiting_key(tag))
  push(reply, sums[n] or '', redis.call('ZCARD', waiting_key(tag)))
  push(reply, due or -1)
end
return reply
