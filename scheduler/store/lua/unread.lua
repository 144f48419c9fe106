#!lua flags=no-writes
-- Reads ended timers that a history has yet to read, with their attempts, until it has told 256 KiB: first those that ended first.
-- KEYS[1] timers:{p}:scheduled (ZSET)
-- Computes unread, delivered, failed, cancelled, timer:<id>, progress, attempts:<id>, counters, layout
-- ARGV    how many of the first it passes over | and how many it tells of at most
-- Returns now ms | the layout | how many are unread | ms at which the first of all ended, or -1 | how many were given up so far
--         then per timer UnreadRow: id | ended, ms, its score | status, '' if it has not ended or is unknown | score of that, ms
--         | record | progress | attempts: the JSON of each, those in the progress left out

local BYTES = 262144

local first, most = tonumber(ARGV[1]), tonumber(ARGV[2])
local now = math.ceil(now_us() / 1000)
local _, oldest = head(UNREAD)
local given_up = tonumber(redis.call('HGET', COUNTERS, 'unread_given_up') or 0)
local reply = { now, redis.call('GET', LAYOUT) or '', redis.call('ZCARD', UNREAD), oldest or -1, given_up }

-- The status of an ended timer, by the reason that its progress says, and its score; nothing of one that has not ended.
local function ended_status(id, progress)
  local reason = string.match(progress, ' reason=(%S+)')
  local status = reason and ((reason == 'delivered' or reason == 'cancelled') and reason or 'failed')
  local score = status and redis.call('ZSCORE', ROOT .. status, id)
  if score then return status, score end
end

local bytes = 0
local found = most > 0 and redis.call('ZRANGE', UNREAD, first, first + most - 1, 'WITHSCORES') or {}
for n = 1, #found, 2 do
  if bytes >= BYTES then break end
  local id = found[n]
  local progress = redis.call('HGET', PROGRESS, id) or ''
  local status, score = ended_status(id, string.match(progress, '^[^\n]*'))
  local record = status and redis.call('GET', record_key(id))
  push(reply, id, found[n + 1])
  if record then
    local attempts = not string.find(progress, '\n', 1, true) and redis.call('LRANGE', attempts_key(id), 0, -1) or {}
    push(reply, status, score)
    push(reply, record, progress)
    push(reply, attempts)
    bytes = bytes + #record + #progress
    for _, attempt in ipairs(attempts) do bytes = bytes + #attempt end
  else
    push(reply, '', '0')
    push(reply, '', '')
    push(reply, {})
  end
end
return reply
