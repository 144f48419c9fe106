-- Priority: seconds of head start among what is due. Timers that have one stand where all others do; beside that they are found here:
--   prior         before they are due by that moment; then by it less their head start and less SERVED, so before all moments;
--                 those that wait behind a destination last
--   prior:<tag>   while they wait behind a destination: by the moment less their head start
-- That a partition has such timers stands in its layout from the first one on, which each claim reads anyhow: one more command
-- would cost each 1 us.
-- A version that knows no priority leaves in both what it has moved: whoever finds that drops it.

local PRIOR, SERVED, WAITS = ROOT .. 'prior', 1e15, '1e15'

-- Puts a timer with a priority where it is found when it falls due; the moment is text.
local function note_order(id, due)
  redis.call('ZADD', PRIOR, due, id)
  note_priority()
end
