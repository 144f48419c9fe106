#!lua
-- Stores new timers durably. Repeatable: an id that exists already is left as it is, and answered as it stands.
-- A full store refuses this script (no allow-oom): it adds.
-- KEYS[1] timers:{p}:scheduled (ZSET)
-- Computes waiting:<tag>, timer:<id>, progress, bell
-- ARGV    per timer 4: id | 'in' or 'at' | ms (a delay, or a moment: one in the past means now) | record without its created_at
-- Returns per timer 2: created_at ms | due_at ms

-- Rounded up: a delay counts from no earlier than now, so nothing is early.
local now = math.ceil(now_us() / 1000)
local _, earliest = head(SCHEDULED)
local first
local reply = {}

for i = 1, #ARGV, 4 do
  local id, kind, ms, record = ARGV[i], ARGV[i + 1], tonumber(ARGV[i + 2]), ARGV[i + 3]
  local stored = redis.call('GETRANGE', record_key(id), 0, 20)
  if stored ~= '' then
    local _, due = place(id)
    reply[#reply + 1] = tonumber(string.match(stored, '^%d+'))
    reply[#reply + 1] = load_progress(id, due or 0).due
  else
    local due = (kind == 'in') and now + ms or math.max(now, ms)
    redis.call('SET', record_key(id), int(now) .. ' ' .. record)
    redis.call('ZADD', SCHEDULED, int(due), id)
    first = math.min(first or due, due)
    reply[#reply + 1] = now
    reply[#reply + 1] = due
  end
end

if first then ring(first, earliest) end
return reply
