#!lua flags=no-writes
-- Tells destinations by their attempts, those with most first, from where the last page ended.
-- KEYS[1] timers:{p}:scheduled (ZSET)
-- Computes busiest
-- ARGV    attempts of the destination that was told last, or '' | its tag | destinations at most
-- Returns per destination 2: its tag | its attempts

local attempts, tag, limit = tonumber(ARGV[1]), ARGV[2], tonumber(ARGV[3])

local all = redis.call('ZCARD', BUSIEST)
local from = attempts and all - rank(BUSIEST, attempts, tag) or 0
return redis.call('ZRANGE', BUSIEST, from, from + limit - 1, 'REV', 'WITHSCORES')
