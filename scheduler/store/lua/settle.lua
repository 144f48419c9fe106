#!lua flags=allow-oom
-- Ends claims: a timer is delivered, failed, or scheduled again. Repeatable: a repeat is told so, and changes nothing.
-- KEYS[1] timers:{p}:scheduled (ZSET)
-- Computes prior, delivering, delivered, failed, timer:<id>, keys, tag:<tag>, progress, attempts:<id>, lateness, counters, bell,
--         minute:<n>, failing, failures, planned, planning, schedule:<name>, runs:<name>, open:<name>,
--         unread, layout
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
local ARRIVED = { delivered = true, ['in'] = true, at = true } -- verdicts on an attempt that was delivered
local LATENESS, LATENESSES = ROOT .. 'lateness', 1000 -- how many are kept

local ids = {}
for at = FIRST, #ARGV, FIELDS do push(ids, ARGV[at]) end
if not ids[1] then return ids end -- its caller asks whether it may settle

local now = math.ceil(now_us() / 1000)
local ended_at = int(now)
local forget_at = { delivered = int(now + keep_delivered), failed = int(now + keep_failed) }
local first
local latenesses = {}
local attempts, failed_attempts = #ids, 0

-- Whether any destination failed of late.
local _, longest_silent = head(FAILING)
-- Per destination tag how many attempts of this call failed since one was delivered, and the last of them. `is_new`: one was.
local streaks = {}
local some_fail = longest_silent ~= nil -- else nobody has to look what is delivered where

local function note_delivered(id)
  local tag = read_tag(id)
  if tag then streaks[tag] = { failures = 0, is_new = true } end
end

-- What was never sent says nothing of its destination.
local NOT_SENT = { blocked = true, unreadable = true }
local function note_failed(id, attempt)
  failed_attempts, some_fail = failed_attempts + 1, true
  local problem, status = error_of(attempt)
  local tag = not NOT_SENT[problem] and read_tag(id)
  if not tag then return end
  local it = streaks[tag] or { failures = 0 }
  it.failures, it.id, it.problem, it.status = it.failures + 1, id, problem, status
  streaks[tag] = it
end

local function failing_words(tag, it)
  local before = not it.is_new and redis.call('HGET', FAILURES, tag) or ''
  local words = 'since=' .. (string.match(before, '^since=(%d+)') or ended_at)
  words = words .. ' failures=' .. int(it.failures + (string.match(before, ' failures=(%d+)') or 0)) .. ' id=' .. it.id
  if it.problem then words = words .. ' error=' .. it.problem end
  return it.status and words .. ' status=' .. it.status or words
end

local function write_streaks()
  local failing, said, well = {}, {}, {}
  for tag, it in pairs(streaks) do
    if it.failures == 0 then
      push(well, tag)
    else
      push(failing, ended_at, tag)
      push(said, tag, rarely().failing_words(tag, it))
    end
  end
  many('ZADD', FAILING, failing)
  many('HSET', FAILURES, said)
  drop_names(FAILING, FAILURES, well)
  if failing[1] then rarely().forget_silent(FAILING, FAILURES, now - FAILING_KEPT) end
end

-- Ends an ordinary timer, by its first attempt.
local function finish_first(id, claim, reason, attempt, due, named)
  local status = reason == 'delivered' and reason or 'failed'
  local words = 'attempts=1 due=' .. due .. ' settled=' .. claim .. named
  ended(id, DELIVERING, status, forget_at[status], reason, ended_at, words, attempt .. '}', named ~= '')
end

local function finish(id, claim, reason, attempt, it)
  local status = reason == 'delivered' and reason or 'failed'
  end_claim(it, claim)
  it.why = nil
  note_attempt(id, it, attempt .. '}')
  ended(id, DELIVERING, status, forget_at[status], reason, ended_at, dump_words(it), it.noted, it.named, it.cb and it)
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
  if it.priority then join(PRIOR, int(due), id) end
  leave(DELIVERING, id)
  first = math.min(first or due, due)
end

local function settle(progress, id, claim, verdict, ms, lateness, attempt)
  local due, named
  if progress and not GOES_ON[verdict] then due, named = due_of_first_claim(progress, claim) end
  if due then
    finish_first(id, claim, verdict, attempt, due, named)
  else
    local it = rarely().read_progress(progress, ended_at)
    if it.claim ~= claim then
      attempts = attempts - 1
      if it.settled == claim then return 0 end
      count_one('refused_settles')
      return -1
    end
    if GOES_ON[verdict] then
      rarely().go_on(id, claim, verdict, tonumber(ms), attempt, it)
    else
      rarely().finish(id, claim, verdict, attempt, it)
    end
  end
  if lateness ~= '' then push(latenesses, lateness) end
  if not ARRIVED[verdict] then
    rarely().note_failed(id, attempt)
  elseif some_fail then
    note_delivered(id)
  end
  return 1
end

if longest_silent and longest_silent < now - FAILING_KEPT then -- what was not heard of for a day
  rarely().forget_silent(FAILING, FAILURES, now - FAILING_KEPT)
end
local reply = {}
for n, progress in ipairs(redis.call('HMGET', PROGRESS, unpack(ids))) do
  local at = FIRST + FIELDS * (n - 1)
  push(reply, settle(progress, unpack(ARGV, at, at + FIELDS - 1)))
end

if attempts > 0 then count_minute('attempts', attempts) end
if failed_attempts > 0 then count_minute('failed_attempts', failed_attempts) end
count_latenesses(latenesses)
local _, earliest
if first then _, earliest = head(SCHEDULED) end
write_moves()
if next(streaks) then write_streaks() end
many('LPUSH', LATENESS, latenesses)
redis.call('LTRIM', LATENESS, 0, LATENESSES - 1)
if first then ring(first, earliest) end
return reply
