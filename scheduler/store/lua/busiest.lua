#!lua flags=no-writes
-- Tells destinations by their attempts, those with most first, from where the last page ended.
-- KEYS[1] timers:{p}:scheduled (ZSET)
-- Computes busiest
-- ARGV    attempts of the destination that was told last, or '' | its tag | destinations at most
-- Returns per destination 2: its tag | its attempts

local attempts, tag, limit = ARGV[1], ARGV[2], tonumber(ARGV[3])

local from = 0
if attempts ~= '' then
  from = redis.call('ZCOUNT', BUSIEST, '(' .. attempts, '+inf')
  -- Of those with as many attempts, which stand in the order of their tags, backwards: from the one that was told last.
  for _, found in ipairs(redis.call('ZRANGE', BUSIEST, attempts, attempts, 'BYSCORE', 'REV')) do
    if precedes(found, tag) then break end
    from = from + 1
  end
end
return redis.call('ZRANGE', BUSIEST, from, from + limit - 1, 'REV', 'WITHSCORES')
