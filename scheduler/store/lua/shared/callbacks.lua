-- Callbacks: timers of their own that are made where a timer ends which asks for one. Its first line says ` cb=<bytes>`: how long
-- the lines are that follow it, the request's own, then one for each status of an end, `<destination tag> <the request's own line>`
-- of the callback's timer, or nothing. Below them stands the body.
-- A callback's first line says ` for=<id>.<occurrence>.<attempts>`, of which its own id is made too: made twice it is one, and the
-- end of a replay makes another. ` tells=<status>` says that below its request's own line stands what it is to tell: the words of
-- the timer's progress, the JSON of its last attempt, and its record.

local TOLD_BODY = 16384 -- bytes of a body that are told at most; a record with a longer one is told without it
local called_back = {}

-- Whether a first line (nil: one that says no more than most) asks for a callback.
local function asks_callback(line) return line and string.find(line, ' cb=', 1, true) ~= nil end

-- Appends what is stored of the callback that a timer asks for in this status, if it does. `it` is its progress, `words` what is
-- written of that, `noted` the JSON of its first attempt or nil; the moment is text.
local function call_back(id, it, status, at, words, noted)
  local record = redis.call('GETRANGE', record_key(id), 0, 2047)
  local line = first_line(record)
  local body_at = #line + 1 + (tonumber(word(line, 'cb')) or 0)
  if #record == 2048 then record = redis.call('GETRANGE', record_key(id), 0, body_at + TOLD_BODY) end
  local delivered, failed = string.match(string.sub(record, #line + 2, body_at), '^[^\n]*\n([^\n]*)\n([^\n]*)\n$')
  local tag, request = string.match((status == 'delivered' and delivered or failed) or '', '^(%S+) (.+)$')
  if not tag then return end
  if #record > body_at + TOLD_BODY then record = line .. ' cut=1' .. string.sub(record, #line + 1, body_at) end
  local name = id .. '.' .. it.occurrence .. '.' .. it.attempts
  local format = string.match(line, ' v=%d+') or ' v=2' -- it holds this record, which says at least that
  local last = noted or redis.call('LINDEX', attempts_key(id), -1) or ''
  push(called_back, string.sub(id, 1, 2) .. string.sub(redis.sha1hex(name), 1, 20), at)
  local said = at .. ' ' .. tag .. ' for=' .. name .. ' tells=' .. status .. format
  push(called_back, said .. '\n' .. request .. '\n' .. words .. '\n' .. last .. '\n' .. record)
end

-- First the place, then the record: a call that is cut short between the two leaves an id without a record, which its repeat gives it.
local function write_called_back()
  local _, earliest = head(SCHEDULED)
  for n = 1, #called_back, 3 do
    local id, due, record = called_back[n], called_back[n + 1], called_back[n + 2]
    if redis.call('EXISTS', record_key(id)) == 0 then
      redis.call('ZADD', SCHEDULED, due, id)
      redis.call('SET', record_key(id), record)
      count_minute('set', 1)
      ring(tonumber(due), earliest)
      earliest = math.min(earliest or math.huge, tonumber(due))
    end
  end
  called_back = {}
end
