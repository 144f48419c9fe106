#!lua flags=allow-oom
-- Adds what a poller has seen of destinations to their sums. Repeatable: the same report again adds nothing.
-- KEYS[1] timers:{p}:scheduled (ZSET)
-- Computes observed, busiest, reported:<poller>, layout
-- ARGV    poller | id of the report
--         then per destination 9: its tag | its id | attempts | failed ones | ms of all together | the last error, or '' | ms of that
--         | the path that was answered last, or '' | ms since then
-- Returns 1

local FIRST, FIELDS = 3, 9        -- where the first destination's arguments begin, and how many each has
local REPORTED = ROOT .. 'reported:' .. ARGV[1]
local REPORTED_TTL = 60000        -- ms in which a lost reply may be asked for again
local MOST = 10000                -- destinations whose sums are kept: those with most attempts

local refused = refuse_layout()
if refused then return refused end

if redis.call('GET', REPORTED) == ARGV[2] then return 1 end
local now = int(math.floor(now_us() / 1000))
local tags, sums, busy = {}, {}, {}
for at = FIRST, #ARGV, FIELDS do push(tags, ARGV[at]) end
if not tags[1] then return 1 end
for n, before in ipairs(redis.call('HMGET', OBSERVED, unpack(tags))) do
  local at = FIRST + FIELDS * (n - 1)
  local tag, id, attempts, failures, ms, error, error_at, path, ago = unpack(ARGV, at, at + FIELDS - 1)
  before = ' ' .. (before or '')
  local function sum(name, more) return int((word(before, name) or 0) + more) end
  local total = sum('attempts', attempts)
  local words = 'id=' .. id .. ' attempts=' .. total .. ' failures=' .. sum('failures', failures) .. ' ms=' .. sum('ms', ms)
  local last = attempts ~= '0' and now or word(before, 'at')
  if last then words = words .. ' at=' .. last end
  if error == '' then error, error_at = word(before, 'error'), word(before, 'error_at') end
  if error then words = words .. ' error=' .. error .. ' error_at=' .. error_at end
  local answered_path, answered_at = word(before, 'answered_path'), tonumber(word(before, 'answered_at') or -1)
  if path ~= '' and (answered_at <= now - ago or answered_at > now + 0) then
    answered_path, answered_at = path, now - ago
  end
  if answered_path then
    words = words .. ' answered_path=' .. answered_path .. ' answered_at=' .. int(answered_at)
  end
  push(sums, tag, words)
  push(busy, total, tag)
end
redis.call('HSET', OBSERVED, unpack(sums))
redis.call('ZADD', BUSIEST, unpack(busy))
local excess = redis.call('ZCARD', BUSIEST) - MOST
if excess > 0 then drop_names(BUSIEST, OBSERVED, redis.call('ZRANGE', BUSIEST, 0, excess - 1)) end
redis.call('SET', REPORTED, ARGV[2], 'PX', REPORTED_TTL)
return 1
