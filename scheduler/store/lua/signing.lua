#!lua flags=no-writes
-- Tells which secrets sign what is sent to destinations: what has changed of that in one partition since the caller looked.
-- KEYS[1] timers:{p}:scheduled (ZSET)
-- Computes signing, signing_changes, holds
-- ARGV    number of the last change that the caller knows, 0 of who knows none | changes at most
-- Returns SigningReply: number of the last change | of the last one that is told here | is_anew: 1 if the caller is to forget what it
--         knows, else 0 | per destination 2: its tag | which sign

local known, limit = tonumber(ARGV[1]), tonumber(ARGV[2])

local number = signing_number(redis.call('GET', HOLDS) or '')
local is_anew = known > number and 1 or 0 -- the store has lost some
if is_anew == 1 then known = 0 end
local found = redis.call('ZRANGEBYSCORE', SIGNING_CHANGES, '(' .. int(known), '+inf', 'WITHSCORES', 'LIMIT', 0, limit)
local tags, signing = {}, {}
for n = 1, #found, 2 do push(tags, found[n]) end
if tags[1] then
  for n, signs in ipairs(redis.call('HMGET', SIGNING, unpack(tags))) do push(signing, tags[n], signs or '') end
end
return { number, #found == 2 * limit and tonumber(found[#found]) or number, is_anew, signing }
