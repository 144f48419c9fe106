#!lua
-- The readiness test: runs every command that our scripts use, on keys of its own, and lays out a store that came back empty.
-- A store that refuses writes, or is full, refuses this script; what its user may not run is told by name.
-- KEYS[1] timers:{p}:scheduled (ZSET)
-- Computes layout, probe (STRING), probe:set (ZSET), probe:hash (HASH), probe:list (LIST), bell
-- ARGV    none
-- Returns the layout, '' if it cannot be told | then per command that was refused `<command> <what the store said>`

local TEXT = ROOT .. 'probe'
local SET, HASH, LIST = TEXT .. ':set', TEXT .. ':hash', TEXT .. ':list'

local refused = {}
local function try(...)
  local answer = redis.pcall(...)
  if type(answer) == 'table' and answer.err then
    local command = string.lower((...))
    push(refused, command .. ' ' .. answer.err)
    return false
  end
  return answer
end

for _, command in ipairs({
  { 'SET', TEXT, '0', 'PX', 60000 }, { 'GET', TEXT }, { 'MGET', TEXT }, { 'GETRANGE', TEXT, 0, 0 }, { 'STRLEN', TEXT },
  { 'EXISTS', TEXT }, { 'ZADD', SET, 1, 'a' }, { 'ZRANGE', SET, 0, 0 }, { 'ZRANGEBYSCORE', SET, 0, 1 }, { 'ZSCORE', SET, 'a' },
  { 'ZCARD', SET }, { 'ZCOUNT', SET, 0, 1 }, { 'ZREM', SET, 'a' }, { 'HSET', HASH, 'a', 1 }, { 'HINCRBY', HASH, 'a', 1 },
  { 'HGET', HASH, 'a' }, { 'HMGET', HASH, 'a' }, { 'HDEL', HASH, 'a' }, { 'HGETALL', HASH }, { 'RPUSH', LIST, 'a' }, { 'LPUSH', LIST, 'a' },
  { 'LRANGE', LIST, 0, -1 }, { 'LINDEX', LIST, 0 }, { 'LTRIM', LIST, 0, 0 }, { 'DEL', TEXT, SET, HASH, LIST }, { 'TIME' },
  -- This wakes the pollers, once a second at most.
  { 'SPUBLISH', ROOT .. 'bell', '' },
}) do try(unpack(command)) end

if refused[1] then return { '', unpack(refused) } end -- whether there is a layout, and what else stands there, may be unknown
return { redis.call('GET', LAYOUT) or lay_out() }
