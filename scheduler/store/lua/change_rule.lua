#!lua flags=allow-oom
-- Writes what limits one destination. Compare-and-set: only as the caller has read it. Repeatable: a write that was made is answered so.
-- A full store does not refuse it, for it pauses too.
-- KEYS[1] timers:destination:{<tag>} (HASH)
-- Computes none
-- ARGV    its revision as read, 0 of one that does not stand | id of this write | then fields and values, '' for none
-- Returns 'done' | 'changed': read it again

local as_read, write = tonumber(ARGV[1]), ARGV[2]

local revision, last = unpack(redis.call('HMGET', KEYS[1], 'revision', 'write'))
if last == write then return 'done' end
if tonumber(revision or 0) ~= as_read then return 'changed' end
local fields, gone = { 'revision', int(as_read + 1), 'write', write }, {}
for n = 3, #ARGV, 2 do
  if ARGV[n + 1] == '' then push(gone, ARGV[n]) else push(fields, ARGV[n], ARGV[n + 1]) end
end
redis.call('HSET', KEYS[1], unpack(fields))
many('HDEL', KEYS[1], gone)
return 'done'
