#!lua flags=no-writes
-- Tells some of the held destinations behind which due timers wait, those first whose permits may be asked for first.
-- KEYS[1] timers:{p}:scheduled (ZSET)
-- Computes behind, held, waiting:<tag>
-- ARGV    place of the first destination | place of the last
-- Returns how many there are in all | then per destination 3: its tag | its hold, without why | how many timers wait

local reply = { redis.call('ZCARD', BEHIND) }
local tags = redis.call('ZRANGE', BEHIND, ARGV[1], ARGV[2])
if not tags[1] then return reply end
for n, hold in ipairs(redis.call('HMGET', HELD, unpack(tags))) do
  if hold then
    push(reply, tags[n], string.match(hold, '^[^\n]*'))
    push(reply, redis.call('ZCARD', waiting_key(tags[n])))
  end
end
return reply
