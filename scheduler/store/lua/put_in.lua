#!lua
-- Writes parts of a store that is being filled with what another has: each whole, or not at all if its first key stands already.
-- Only while the layout says that this move fills it: none that comes late changes a store that is served. Repeatable.
-- KEYS[1] timers:{p}:scheduled (ZSET)
-- Computes layout, held, behind, waiting, waiting:<tag>
-- ARGV    id of the move; keys are named without what all keys of a partition begin with
--         then per part 2: 'new' if its first key must not stand, else 'any' | number of its writes; then per write 3 and more:
--         'string', 'passing', 'hash', 'set' or 'list' | the key | number of what follows | the string; the string and ms
--         until it goes; fields and values; scores and members; or what a list is to have
-- Returns how many parts of those that must not stand were written

local WRITES = {
  string = function(key, text) redis.call('SET', key, text) end,
  passing = function(key, text, ms) redis.call('SET', key, text, 'PX', ms) end,
  hash = function(key, ...) redis.call('HSET', key, ...) end,
  set = function(key, ...) redis.call('ZADD', key, ...) end,
  list = function(key, ...)
    redis.call('DEL', key)
    redis.call('RPUSH', key, ...)
  end,
}

local layout = redis.call('GET', LAYOUT) or ''
if not string.find(layout, ' filling=' .. ARGV[1] .. ' ', 1, true) then return redis.error_reply('LAYOUT ' .. layout) end

local waits, tags = {}, {}
local written, at = 0, 2
while at <= #ARGV do
  local kind, writes = ARGV[at], tonumber(ARGV[at + 1])
  at = at + 2
  local stands = kind == 'new' and redis.call('EXISTS', ROOT .. ARGV[at + 1]) == 1
  if kind == 'new' and not stands then written = written + 1 end
  for _ = 1, writes do
    local key, count = ROOT .. ARGV[at + 1], tonumber(ARGV[at + 2])
    if not stands then
      WRITES[ARGV[at]](key, unpack(ARGV, at + 3, at + 2 + count))
      local tag = tag_of(key)
      if tag and not waits[tag] then
        waits[tag] = true
        push(tags, tag)
      end
    end
    at = at + 3 + count
  end
end

-- Who looks for what waits finds it by the earliest that waits there.
for _, tag in ipairs(tags) do
  local _, due = head(waiting_key(tag))
  local ends = string.match(redis.call('HGET', HELD, tag) or '', '^%d+ (%d+)')
  if ends then redis.call('ZADD', BEHIND, int(math.max(due, tonumber(ends))), tag) else redis.call('ZADD', WAITING, int(due), tag) end
end
return written
