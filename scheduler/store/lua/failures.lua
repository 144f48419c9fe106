#!lua flags=no-writes
-- Tells in a few words how timers failed, those that failed last first.
-- KEYS[1] timers:{p}:scheduled (ZSET)
-- Computes failed, timer:<id>, progress, attempts:<id>
-- ARGV    how many of the last are passed over | how many are told at most
-- Returns now ms | how many failed in all | then per timer FailedRow: id | score: ms it is forgotten | tag of its destination, or ''
--         | reason or '' | error of its last attempt, or '' | status that was answered to that, or '' | ended ms, or ''

local skipped, most = tonumber(ARGV[1]), tonumber(ARGV[2])
local set = ROOT .. 'failed'
local reply = { math.floor(now_us() / 1000), redis.call('ZCARD', set) }
local found = redis.call('ZRANGE', set, -skipped - most, -skipped - 1, 'WITHSCORES')
local ids = {}
for n = 1, #found, 2 do push(ids, found[n]) end
if not ids[1] then return reply end

local progress = redis.call('HMGET', PROGRESS, unpack(ids))
for n = #ids, 1, -1 do
  local id, raw = ids[n], progress[n] or ''
  local stop = string.find(raw, '\n', 1, true)
  local words = stop and string.sub(raw, 1, stop - 1) or raw
  local problem, status = error_of(stop and string.sub(raw, stop + 1) or redis.call('LINDEX', attempts_key(id), -1) or '')
  push(reply, id, found[2 * n])
  push(reply, read_tag(id) or '', string.match(words, ' reason=(%S+)') or '')
  push(reply, problem or '', status or '')
  push(reply, string.match(words, ' ended=(%d+)') or '')
end
return reply
