-- What has become of a timer since it was first claimed or cancelled: words `name=value` in any order; unknown ones are kept.
--   attempts     how many were begun and not given back
--   due          due_at, ms; the score of one that has no progress yet
--   planned      while it is claimed: ms at which this attempt was to be sent, if that is not due
--   claim        while it is claimed: the claim's id
--   settled      the last claim that was settled
--   lost         leases lost since then; 0 unless said
--   why          why it is sent again: retry, lease-expired, replay, rescheduled
--   base         attempts before due was last set, which do not count against the timer's most; 0 unless said
--   occurrence, since, reschedules
--                from the second occurrence on: its number, the attempts before it, and how many receivers asked for
--   named        1 if its record says a key, tags or a schedule
--   priority     seconds of head start, if its record said so when it was last claimed
--   cb           1 if its record asked for a callback when it was last claimed
--   ended, reason
--                once it has ended: when, ms, and why
-- Below, on a line of its own, the JSON of its first attempt, until a second one has ended. store/progress.py reads the same.

local LAST_MOMENT = 253402300799999 -- ms: the end of the year 9999

local NUMBERS = { attempts = 0, lost = 0, base = 0, occurrence = 1, since = 0, reschedules = 0 }

-- As most progress is: of a timer that is claimed for the first time. Written and read whole, for 1 us instead of 6. `named` is
-- NAMED for one whose record says a key, tags or a schedule, else ''.
local NAMED = ' named=1'
local function first_claim(due, claim, named) return 'attempts=1 due=' .. due .. ' claim=' .. claim .. named end

-- The ms that a timer is due which stands under this claim, its first, and `named`; nil if it does not. A pattern for the whole
-- takes 0.3 us more.
local function due_of_first_claim(raw, claim)
  local named = string.sub(raw, -#NAMED) == NAMED and NAMED or ''
  local due = string.sub(raw, 16, -8 - #claim - #named)
  if raw == first_claim(due, claim, named) and string.find(due, '^%d+$') then return due, named end
end

local function read_first_claim(raw) return string.match(raw, '^attempts=1 due=(%d+) claim=(%S+)$') end

-- A count of at most 9 digits, or nil: not tonumber() alone, which reads `nan`, `0x2` and `1e400` as well.
local function read_count(text) return text and string.find(text, '^%d+$') and #text <= 9 and tonumber(text) or nil end
-- A moment, as the text it was given, or nil.
local function read_moment(text)
  return text and string.find(text, '^%d+$') and tonumber(text) <= LAST_MOMENT and text or nil
end

-- The words as a table: counts are numbers, anything else is text. `noted` is the first attempt, or nil. What cannot be read is
-- passed over: one timer must not stop the script, and so all others. `due` stands in for one that has none.
local function read_progress(raw, due)
  local it = { due = due }
  if raw then
    local stop = string.find(raw, '\n', 1, true)
    for name, value in string.gmatch(stop and string.sub(raw, 1, stop) or raw, '([^%s=]+)=(%S+)') do it[name] = value end
    it.noted = stop and string.sub(raw, stop + 1)
  end
  for name, default in pairs(NUMBERS) do it[name] = it[name] and read_count(it[name]) or default end
  it.due, it.planned = read_moment(it.due) or due, read_moment(it.planned)
  it.priority = read_count(it.priority)
  return it
end

local function load_progress(id, due) return read_progress(redis.call('HGET', PROGRESS, id), due) end

-- The words as text. Those that say what is meant without them are left out.
local function dump_words(it)
  local words = 'attempts=' .. it.attempts .. ' due=' .. it.due
  for name, value in pairs(it) do
    if name ~= 'attempts' and name ~= 'due' and name ~= 'noted' and value ~= NUMBERS[name] then
      words = words .. ' ' .. name .. '=' .. value
    end
  end
  return words
end

local function dump_progress(it, words)
  words = words or dump_words(it)
  return it.noted and words .. '\n' .. it.noted or words
end

-- Whether the timer's record says a key, tags or a schedule, without a look at each word.
local function is_progress_named(raw) return raw and string.find(raw, ' named=1', 1, true) ~= nil end

-- Whether a timer with this progress is under a claim.
local function is_claimed_by(raw, claim)
  if not raw then return false end
  local _, of = read_first_claim(raw)
  return (of or read_progress(raw).claim) == claim
end

-- Ends a claim: words that are about it go. `settled` is its id if it was settled: it got through an attempt without taking
-- its poller down.
local function end_claim(it, settled)
  it.claim, it.planned = nil, nil
  if settled then it.settled, it.lost = settled, 0 end
end

-- Begins the next occurrence, as often as the receiver is meant to act again; `asked` is 1 if it asked for that itself, else 0.
local function begin_occurrence(it, asked)
  it.occurrence, it.since, it.reschedules = it.occurrence + 1, it.attempts, it.reschedules + asked
end

-- Notes an attempt that has ended, the last that was begun. The first stands in the progress, which the caller writes.
local function note_attempt(id, it, json)
  if it.noted then
    redis.call('RPUSH', attempts_key(id), it.noted, json)
    it.noted = nil
  elseif it.attempts == 1 then
    it.noted = json
  else
    redis.call('RPUSH', attempts_key(id), json)
    if it.attempts > 10 then redis.call('LTRIM', attempts_key(id), -10, -1) end
  end
end
