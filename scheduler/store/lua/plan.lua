#!lua
-- Takes schedules that are to be looked at, each for as long as a look may take: then another poller takes them, and the runs that
-- the first would make are refused. Repeatable: what the first call took is left to that time.
-- KEYS[1] timers:{p}:scheduled (ZSET)
-- Computes planned, planning, schedule:<name>, layout
-- ARGV    id of the look | schedules at most | ms that it may take
-- Returns now us | us until a schedule is to be looked at, 0: now, -1: none is
--         then per schedule PlanRow: name | plan | version | size | offset | after | runs | missed | paused | paused_until | resumed
--         | resumed_how; nil where it has none

local look, limit, lease = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])

local refused = refuse_layout()
if refused then return refused end

local us = now_us()
local now = math.floor(us / 1000)
local reply = { us, -1 }
local names = redis.call('ZRANGEBYSCORE', PLANNED, '-inf', int(now), 'LIMIT', 0, limit)
local gone, until_then, looks = {}, {}, {}
for _, name in ipairs(names) do
  local fields = redis.call('HMGET', schedule_key(name), 'plan', 'version', 'size', 'offset', 'after', 'runs', 'missed', 'paused',
                            'paused_until', 'resumed', 'resumed_how')
  if fields[1] then
    push(until_then, int(now + lease), name)
    push(looks, name, look)
    push(reply, name)
    for n = 1, 11 do push(reply, fields[n]) end
  else
    push(gone, name)
  end
end
many('HSET', PLANNING, looks)
many('ZADD', PLANNED, until_then)
many('ZREM', PLANNED, gone)
local _, next_look = head(PLANNED)
if next_look then reply[2] = math.max(0, next_look * 1000 - us) end
return reply
