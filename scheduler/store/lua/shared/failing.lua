-- The destinations whose latest attempts failed, each in words ` name=value`:
--   since         ms of the first failed attempt after which none was delivered
--   failures      how many failed since then
--   id            the timer of the last one
--   error, status its error, and the status that was answered, if there was either
-- Told of by settle.lua alone: an attempt whose lease was lost says nothing of its destination. Each partition knows its own attempts.

local FAILING, FAILURES = ROOT .. 'failing', ROOT .. 'failures'
local FAILING_KEPT = 86400000 -- ms after its last failed attempt

-- The error and the status of an attempt, or nil: what we write stands before all that others have said, in less than 256 bytes.
local function error_of(attempt)
  local ours = string.sub(attempt, 1, 256)
  return string.match(ours, ',"error":"([%w-]+)"'), string.match(ours, ',"status_code":(%d+)')
end

-- The destination tag of a timer, or nil.
local function read_tag(id) return string.match(redis.call('GETRANGE', record_key(id), 0, 63), '^%d+ (%S+)') end
