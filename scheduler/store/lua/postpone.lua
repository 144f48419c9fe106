#!lua flags=allow-oom
-- Puts off schedules that their taker cannot read, each time for twice as long: a later version may take them meanwhile, which
-- can. A schedule that another look has taken, or that was changed meanwhile, stays as it is. Repeatable: a look ends with this.
-- KEYS[1] timers:{p}:scheduled (ZSET)
-- Computes planned, planning, schedule:<name>, layout
-- ARGV    id of the look | ms for which each is put off at first | ms at most
--         then names
-- Returns 'done'

local look, first, most = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])

local refused = refuse_layout()
if refused then return refused end

local now = math.floor(now_us() / 1000)
for n = 4, #ARGV do
  local name = ARGV[n]
  if redis.call('HGET', PLANNING, name) == look then
    local unread = redis.call('HINCRBY', schedule_key(name), 'unread', 1)
    redis.call('ZADD', PLANNED, int(now + math.min(most, first * 2 ^ (unread - 1))), name)
    redis.call('HDEL', PLANNING, name)
  end
end
return 'done'
