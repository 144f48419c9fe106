#!lua flags=allow-oom
-- Asks whether its caller may run every command that claims, renews, settles and releases; changes nothing.
-- KEYS[1] timers:{p}:scheduled (ZSET)
-- Computes permissions (of no type: nothing is ever stored there)
-- ARGV    none
-- Returns the commands that an access list forbids, or that this server does not have

-- Each with what else it takes at least, after its key.
local NEEDED = {
  { 'DEL' }, { 'EXISTS' }, { 'GET' }, { 'GETRANGE', 0, 0 }, { 'HDEL', 'a' }, { 'HGET', 'a' }, { 'HINCRBY', 'a', 1 }, { 'HMGET', 'a' },
  { 'HSET', 'a', 'a' }, { 'LINDEX', 0 }, { 'LPUSH', 'a' }, { 'LTRIM', 0, 0 }, { 'MGET' }, { 'RPUSH', 'a' }, { 'SET', 'a' }, { 'STRLEN' },
  { 'ZADD', 0, 'a' }, { 'ZCARD' }, { 'ZCOUNT', 0, 0 }, { 'ZRANGE', 0, 0 }, { 'ZRANGEBYSCORE', 0, 0 }, { 'ZREM', 'a' }, { 'ZSCORE', 'a' },
}
local forbidden = {}

local function check(command, ...)
  local known, allowed = pcall(redis.acl_check_cmd, command, ...)
  if not (known and allowed) then push(forbidden, command) end
end

for _, needed in ipairs(NEEDED) do check(needed[1], ROOT .. 'permissions', unpack(needed, 2)) end
check('TIME')
return forbidden
