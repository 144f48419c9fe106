#!lua flags=allow-oom
-- Writes what limits one destination. Compare-and-set: only as the caller has read it. Repeatable: a write that was made is answered so.
-- A full store does not refuse it, for it pauses too. A rule by which nothing is set and nothing holds is deleted: any number of hosts may
-- have asked to be left alone once.
-- KEYS[1] timers:destination:{<tag>} (HASH)
-- Computes permits
-- ARGV    its revision as read, 0 of one that does not stand | id of this write | a revision that it is to be newer than too
--         then fields and values, '' for none
-- Returns 'done' | 'changed': read it again

local as_read, write, newest = tonumber(ARGV[1]), ARGV[2], tonumber(ARGV[3])
local FIRST = 4 -- where the fields begin
local LIGHT = { id = true, revision = true, write = true, tat = true } -- fields that alone are not worth a rule

local revision, last = unpack(redis.call('HMGET', KEYS[1], 'revision', 'write'))
if last == write then return 'done' end
if tonumber(revision or 0) ~= as_read then return 'changed' end
local now = math.floor(now_us() / 1000) -- so that no revision of a rule that was deleted is as new as this one
local fields, gone = { 'revision', int(math.max(as_read, newest, now) + 1), 'write', write }, {}
for n = FIRST, #ARGV, 2 do
  if ARGV[n + 1] == '' then push(gone, ARGV[n]) else push(fields, ARGV[n], ARGV[n + 1]) end
end
redis.call('HSET', KEYS[1], unpack(fields))
many('HDEL', KEYS[1], gone)
local kept = redis.call('HGETALL', KEYS[1])
for n = 1, #kept, 2 do
  if not LIGHT[kept[n]] then return 'done' end
end
redis.call('DEL', KEYS[1], PERMITS)
return 'done'
