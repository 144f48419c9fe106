#!lua flags=allow-oom
-- Notes in the layout whether ends are noted for a history; where they are no longer, what is unread is dropped. Repeatable.
-- KEYS[1] timers:{p}:scheduled (ZSET)
-- Computes layout, unread
-- ARGV    '1' or '0' | unread ones that it drops at most
-- Returns how many it has dropped: as many as it may, and there may be more

local on, most = ARGV[1], tonumber(ARGV[2])

local refused = refuse_layout()
if refused then return refused end

local layout = redis.call('GET', LAYOUT)
local words, found = string.gsub(layout, ' history=%d+', ' history=' .. on)
if found == 0 then words = layout .. ' history=' .. on end
if words ~= layout then redis.call('SET', LAYOUT, words) end
if on == '1' then return 0 end
local ids = redis.call('ZRANGE', UNREAD, 0, most - 1)
many('ZREM', UNREAD, ids)
return #ids
