#!lua flags=allow-oom
-- Tells whether a claim would find something to do, and when a schedule is to be looked at, and notes that a poller was here: for
-- pollers with nothing to do, a fifth of what a claim and plan.lua cost that find nothing. Repeatable.
-- KEYS[1] timers:{p}:scheduled (ZSET)
-- Computes waiting, delivering, delivered, failed, cancelled, prior, holds, planned, seen, pollers, loads, layout
-- ARGV    poller | lease ms | finished timers kept per status | attempts that the caller has under way | of so many at most
-- Returns now us | us until a claim has something to do (0: now, -1: nothing is scheduled) | `holds` of this partition, or ''
--         | us until a schedule is to be looked at, 0: now, -1: none is

local poller, lease, keep_finished, in_flight, slots = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4], ARGV[5]

local refused = refuse_layout()
if refused then return refused end

local us = now_us()
local now = math.floor(us / 1000)
local holds = redis.call('GET', HOLDS)

local function until_first(set)
  local _, moment = head(set)
  return moment and math.max(0, moment * 1000 - us) or -1
end

-- Whether an ended timer of this status is to be forgotten.
local function is_overdue(status)
  local first = until_first(ROOT .. status)
  return first == 0 or first > 0 and redis.call('ZCARD', ROOT .. status) > keep_finished
end

local function has_work()
  return holds and not string.find(holds, ' 0 ', 1, true) or redis.call('EXISTS', WAITING) == 1 or until_first(DELIVERING) == 0
    or has_priority and redis.call('ZCOUNT', PRIOR, WAITS, '+inf') > 0 -- where an older version left them
    or is_overdue('delivered') or is_overdue('failed') or is_overdue('cancelled')
end

seen(now, lease)
note_poller(now, poller, in_flight, slots)
return { us, has_work() and 0 or until_first(SCHEDULED), holds or '', until_first(PLANNED) }
