#!lua flags=allow-oom
-- Sets which secrets sign what is sent to a destination. What an older revision than stands says changes nothing. Repeatable.
-- A full store does not refuse it: a secret that is known to others is to be changed also then.
-- KEYS[1] timers:{p}:scheduled (ZSET)
-- Computes signing, signing_changes, holds, layout
-- ARGV    tag | revision of its rule | JSON of what signs
-- Returns 1 if another signs than before, else 0 | the revision that stands if it is newer, else 0

local tag, revision, signs = ARGV[1], ARGV[2], ARGV[3]

local refused = refuse_layout()
if refused then return refused end

local stands_at, stands = string.match(redis.call('HGET', SIGNING, tag) or '0 ', '^(%d+) (.*)$')
if tonumber(stands_at) > tonumber(revision) then return { 0, tonumber(stands_at) } end
local changes = stands ~= signs
if changes then -- told before it stands: should the store refuse in the middle, the same call again tells it once more
  local holds = redis.call('GET', HOLDS) or '0 0 0'
  local number = int(signing_number(holds) + 1)
  redis.call('ZADD', SIGNING_CHANGES, number, tag)
  redis.call('SET', HOLDS, string.match(holds, '^[^\n]*') .. '\n' .. number)
end
redis.call('HSET', SIGNING, tag, revision .. ' ' .. signs)
return { changes and 1 or 0, 0 }
