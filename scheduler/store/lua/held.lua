#!lua flags=no-writes
-- Tells what has changed of the holds of one partition since the caller looked.
-- KEYS[1] timers:{p}:scheduled (ZSET)
-- Computes held, holds, changed, unheld
-- ARGV    number of the last change that the caller knows, 0 of who knows none | changes at most
-- Returns HeldReply: holds, as it is, or '' | number of the last change that is told here | is_anew: 1 if the caller is to forget what
--         it knows, else 0 | held: per destination 2: its tag, its hold | ended: tags of those that are not held any more

local known, limit = tonumber(ARGV[1]), tonumber(ARGV[2])

local holds = redis.call('GET', HOLDS) or ''
local number, floor = string.match(holds, '^(%d+) %d (%d+)')
number = tonumber(number or 0)
-- Also of a number that is still to come: the store was set back to what it had saved before.
local is_anew = (known < tonumber(floor or 0) or known > number) and 1 or 0
if is_anew == 1 then known = 0 end

-- What has changed by one of these, and the number of the last change that is certainly told.
local function changes_of(set)
  local found = redis.call('ZRANGEBYSCORE', set, '(' .. int(known), '+inf', 'WITHSCORES', 'LIMIT', 0, limit)
  return found, #found == 2 * limit and tonumber(found[#found]) or number
end

local ended, held = {}, {}
local changed, changed_to = changes_of(CHANGED)
local unheld, unheld_to = {}, number
if known > 0 then unheld, unheld_to = changes_of(UNHELD) end
local told = math.min(changed_to, unheld_to)
local tags = {}
for n = 1, #changed, 2 do
  if tonumber(changed[n + 1]) <= told then push(tags, changed[n]) end
end
if tags[1] then
  for n, hold in ipairs(redis.call('HMGET', HELD, unpack(tags))) do push(held, tags[n], hold or '') end
end
for n = 1, #unheld, 2 do
  if tonumber(unheld[n + 1]) <= told then push(ended, unheld[n]) end
end
return { holds, told, is_anew, held, ended }
