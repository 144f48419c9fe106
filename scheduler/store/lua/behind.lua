#!lua flags=no-writes
-- Tells some of the held destinations behind which due timers wait, those first whose permits may be asked for first.
-- KEYS[1] timers:{p}:scheduled (ZSET)
-- Computes behind, held, waiting:<tag>
-- ARGV    place of the first destination | place of the last
-- Returns how many there are in all | then per destination 4: its tag | its hold, without why | how many timers wait
--         | ms at which the earliest of them was due

local reply = { redis.call('ZCARD', BEHIND) }
local tags = redis.call('ZRANGE', BEHIND, ARGV[1], ARGV[2])
if not tags[1] then return reply end
for n, hold in ipairs(redis.call('HMGET', HELD, unpack(tags))) do
  local _, due = head(waiting_key(tags[n]))
  if hold and due then
    push(reply, tags[n], string.match(hold, '^[^\n]*'))
    push(reply, redis.call('ZCARD', waiting_key(tags[n])), due)
  end
end
return reply
