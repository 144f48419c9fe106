#!lua flags=allow-oom
-- Ends claims: a timer is delivered, failed, or scheduled again. Repeatable: a repeat is told so, and changes nothing.
-- KEYS[1] timers:{p}:scheduled (ZSET)
-- Computes delivering, delivered, failed, timer:<id>, keys, tag:<tag>, progress, attempts:<id>, lateness, counters, bell
-- ARGV    ms a delivered timer is kept | ms a failed one is kept
--         then per timer 6: id | claim id | 'retry', 'in' or 'at', or the reason of its end: 'delivered', or another word if it has
--         failed | ms until the retry, or in which it is rescheduled, or the moment to which it is | lateness ms or '' | the
--         attempt's JSON, open at its end
-- An id stands once in a call, but for refused claims.
-- Returns per timer: 1 settled | 0 settled already by this claim | -1 refused, the claim is not the caller's any more

local keep_delivered, keep_failed = tonumber(ARGV[1]), tonumber(ARGV[2])
local FIRST, FIELDS = 3, 6 -- where the first timer's arguments begin, and how many each has

local SOONEST = 1000 -- ms in which a timer can be rescheduled at the soonest
local GOES_ON = { retry = true, ['in'] = true, at = true }
local LATENESS, LATENESSES = ROOT .. 'lateness', 1000 -- how many are kept

local ids = {}
for at = FIRST, #ARGV, FIELDS do push(ids, ARGV[at]) end
if not ids[1] then return ids end -- its caller asks whether it may settle

local now = math.ceil(now_us() / 1000)
local ended_at = int(now)
local forget_at = { delivered = int(now + keep_delivered), failed = int(now + keep_failed) }
local _, earliest = head(SCHEDULED)
local first
local latenesses = {}

-- Ends an ordinary timer, by its first attempt.
local function finish_first(id, claim, reason, attempt, due)
  local status = reason == 'delivered' and reason or 'failed'
  local words = 'attempts=1 due=' .. due .. ' settled=' .. claim
  ended(id, DELIVERING, status, forget_at[status], reason, ended_at, words, attempt .. '}', false)
end

local function finish(id, claim, reason, attempt, it)
  local status = reason == 'delivered' and reason or 'failed'
  end_claim(it, claim)
  it.why = nil
  note_attempt(id, it, attempt .. '}')
  ended(id, DELIVERING, status, forget_at[status], reason, ended_at, dump_words(it), it.noted, it.named)
end

-- Schedules a timer once more.
local function go_on(id, claim, verdict, ms, attempt, it)
  local due = verdict == 'at' and ms or now + ms
  end_claim(it, claim)
  if verdict == 'retry' then
    it.why = 'retry'
  else
    due = math.max(due, now + SOONEST)
    begin_occurrence(it, 1)
    it.due, it.why, it.base = int(due), 'rescheduled', it.attempts
    if it.named then note_names(id, read_first_line(id), it.due) end
  end
  note_attempt(id, it, attempt .. ',"next_attempt_at":' .. int(due) .. '}')
  note_progress(id, dump_progress(it))
  join(SCHEDULED, int(due), id)
  leave(DELIVERING, id)
  first = math.min(first or due, due)
end

local function settle(progress, id, claim, verdict, ms, lateness, attempt)
  local due, holder = nil, nil
  if progress then due, holder = read_first_claim(progress) end
  if holder == claim and not GOES_ON[verdict] then
    finish_first(id, claim, verdict, attempt, due)
  else
    local it = read_progress(progress, ended_at)
    if it.claim ~= claim then
      if it.settled == claim then return 0 end
      count_one('refused_settles')
      return -1
    end
    if GOES_ON[verdict] then go_on(id, claim, verdict, tonumber(ms), attempt, it) else finish(id, claim, verdict, attempt, it) end
  end
  if lateness ~= '' then push(latenesses, lateness) end
  return 1
end

local reply = {}
for n, progress in ipairs(redis.call('HMGET', PROGRESS, unpack(ids))) do
  local at = FIRST + FIELDS * (n - 1)
  push(reply, settle(progress, unpack(ARGV, at, at + FIELDS - 1)))
end

write_moves()
many('LPUSH', LATENESS, latenesses)
redis.call('LTRIM', LATENESS, 0, LATENESSES - 1)
if first then ring(first, earliest) end
return reply
