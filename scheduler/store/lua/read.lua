#!lua flags=no-writes
-- Reads one timer as it stands at one moment.
-- KEYS[1] timers:{p}:scheduled (ZSET)
-- Computes waiting:<tag>, delivering, delivered, failed, cancelled, timer:<id>, progress, attempts:<id>
-- ARGV    id | how many of its last attempts
-- Returns nil if it is unknown, else now ms | status | record | due ms | planned ms | attempts | then the JSON of each of its last attempts

local id, last = ARGV[1], tonumber(ARGV[2])
local record = redis.call('GET', record_key(id))
if not record then return false end

local status = 'scheduled'
local _, score = place(id)
if not score then
  for _, other in ipairs({ 'delivering', 'delivered', 'failed', 'cancelled' }) do
    score = redis.call('ZSCORE', ROOT .. other, id)
    if score then
      status = other
      break
    end
  end
end
if not score then return false end

local it = load_progress(id, tonumber(score))
local planned = status == 'scheduled' and score or it.planned
local reply = { math.ceil(now_us() / 1000), status, record, it.due, planned, it.attempts }
for _, attempt in ipairs(redis.call('LRANGE', attempts_key(id), -last, -1)) do reply[#reply + 1] = attempt end
return reply
