#!lua flags=allow-oom
-- Ends claims: a timer is delivered, failed, or scheduled again. Repeatable: a repeat is told so, and changes nothing.
-- KEYS[1] timers:{p}:scheduled (ZSET)
-- Computes delivering, delivered, failed, timer:<id>, keys, tag:<tag>, claims, progress, attempts:<id>, lateness, counters, bell
-- ARGV    ms a delivered timer is kept | ms a failed one is kept | 1 if the store is over its maxmemory, else 0
--         then per timer 7: id | claim id | 'retry', 'in' or 'at', or the reason of its end: 'delivered', or another word if it has
--         failed | ms until the retry, or that the timer is armed anew in, or the moment it is armed anew at | lateness ms or ''
--         | the attempt's JSON, open at its end | the answer's text as one more JSON member, or ''; dropped when the store is
--         over maxmemory
-- An id stands once in a call, but for refused claims.
-- Returns per timer: 1 settled | 0 settled already by this claim | -1 refused, the claim is not the caller's any more

local SOONEST = 1000 -- ms in which a timer can be armed anew at the soonest
local KEEP_DELIVERED, KEEP_FAILED = tonumber(ARGV[1]), tonumber(ARGV[2])
local GOES_ON = { retry = true, ['in'] = true, at = true }
local LATENESS = ROOT .. 'lateness'

local now = math.ceil(now_us() / 1000)
local _, earliest = head(SCHEDULED)
local crowded = ARGV[3] == '1' -- the caller's word: INFO may be forbidden, and is a tenth of this script
local first
local reply = {}

-- What is written in one command each, once all timers have been looked at: added first, removed last.
local lateness_of, progress_of, ended = {}, {}, {}
local forget_at = { delivered = int(now + KEEP_DELIVERED), failed = int(now + KEEP_FAILED) }
local added = { delivered = {}, failed = {}, scheduled = {} }

-- Ends a timer; returns its attempts.
local function finish(id, claim, reason, progress)
  local status = reason == 'delivered' and reason or 'failed'
  push(added[status], forget_at[status], id)
  if is_progress_named(progress) then free_key(id, read_first_line(id)) end
  local after, attempts = end_progress(progress, reason, now, claim)
  push(progress_of, id, after)
  return tonumber(attempts)
end

-- Schedules a timer once more; returns its attempts and when it is due.
local function go_on(id, claim, verdict, wait, progress)
  local it = read_progress(progress, now)
  local due = (verdict == 'at') and wait or now + wait
  it.settled, it.lost = claim, 0 -- it got through an attempt without taking its poller down
  if verdict == 'retry' then
    it.why = 'retry'
  else
    due = math.max(due, now + SOONEST)
    begin_occurrence(it, 1)
    it.due, it.planned, it.why, it.base = due, due, 'rescheduled', it.attempts
    if it.named then note_names(id, read_first_line(id), due) end
  end
  push(added.scheduled, int(due), id)
  first = math.min(first or due, due)
  push(progress_of, id, dump_progress(it))
  return it.attempts, due
end

local function settle(id, claim, verdict, wait, lateness, attempt, text, held_by, progress)
  if held_by ~= claim then
    if read_progress(progress, now).settled == claim then return 0 end
    redis.call('HINCRBY', COUNTERS, 'refused_settles', 1)
    return -1
  end
  if lateness ~= '' then push(lateness_of, lateness) end
  local attempts, due
  if GOES_ON[verdict] then
    attempts, due = go_on(id, claim, verdict, wait, progress)
    attempt = attempt .. ',"next_attempt_at":' .. int(due)
  else
    attempts = finish(id, claim, verdict, progress)
  end
  push(ended, id)
  note_attempt(id, attempt .. (crowded and '' or text) .. '}', attempts)
  return 1
end

local ids = {}
for i = 4, #ARGV, 7 do ids[#ids + 1] = ARGV[i] end
if not ids[1] then return reply end -- its caller asks whether it may settle
local held_by = redis.call('HMGET', CLAIMS, unpack(ids))
local progress = redis.call('HMGET', PROGRESS, unpack(ids))
for n, id in ipairs(ids) do
  local i = 7 * n - 3
  reply[n] = settle(id, ARGV[i + 1], ARGV[i + 2], tonumber(ARGV[i + 3]), ARGV[i + 4], ARGV[i + 5], ARGV[i + 6], held_by[n], progress[n])
end

many('HSET', PROGRESS, progress_of)
for set, arguments in pairs(added) do many('ZADD', ROOT .. set, arguments) end
many('ZREM', DELIVERING, ended)
many('HDEL', CLAIMS, ended)
count_ends()
many('LPUSH', LATENESS, lateness_of)
redis.call('LTRIM', LATENESS, 0, 999)
if first then ring(first, earliest) end
return reply
