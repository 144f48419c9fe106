-- The layout of a partition: LAYOUT_BEGINS, which store/scripts.py puts before these files, is what ours begins with.

local LAYOUT = ROOT .. 'layout'

-- Lays out this partition, which has no layout, and returns that; of one that holds something, an older version wrote it.
local function lay_out()
  local found = redis.call('EXISTS', SCHEDULED, WAITING, DELIVERING, ROOT .. 'delivered', ROOT .. 'failed', ROOT .. 'cancelled', PROGRESS,
                           ROOT .. 'marker')
  if found > 0 then return 'format=0 ' end
  local layout = LAYOUT_BEGINS .. 'born=' .. int(math.floor(now_us() / 1000))
  redis.call('SET', LAYOUT, layout)
  return layout
end

-- Nothing if the store is laid out as its caller thinks, an empty one also from now on; else what the caller is to be told:
-- the store was moved, or upgraded, under a process that goes on writing. 1.3 us a call, whatever it does.
local function refuse_layout()
  local found = redis.call('GET', LAYOUT) or lay_out()
  if string.sub(found, 1, #LAYOUT_BEGINS) == LAYOUT_BEGINS and not string.find(found, ' moved=', 1, true) then return end
  return redis.error_reply('LAYOUT ' .. found)
end
