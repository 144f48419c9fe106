-- The layout of a partition: LAYOUT_BEGINS, which store/scripts.py puts before these files, is what ours begins with.

local LAYOUT = ROOT .. 'layout'
local has_priority = false -- whether it says ` prior=1`: there are, or were, timers with a priority
local notes_ends = nil -- whether it says ` history=1`: ends are noted for a history; nil: it was not looked up

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
-- the store was moved, or upgraded, under a process that goes on writing. 1.4 us a call, whatever it does.
local function refuse_layout()
  local found = redis.call('GET', LAYOUT) or lay_out()
  has_priority = string.find(found, ' prior=1', 1, true) ~= nil
  notes_ends = string.find(found, ' history=1', 1, true) ~= nil
  if string.sub(found, 1, #LAYOUT_BEGINS) == LAYOUT_BEGINS and not string.find(found, ' moved=', 1, true) then return end
  return redis.error_reply('LAYOUT ' .. found)
end

-- Notes there that this partition has timers with a priority.
local function note_priority()
  if not has_priority then redis.call('SET', LAYOUT, redis.call('GET', LAYOUT) .. ' prior=1') end
  has_priority = true
end

-- Ended timers that a history has yet to read.
local UNREAD = ROOT .. 'unread'

-- Whether ends are noted there: one GET for a script that has not looked at the layout, 1 us.
local function is_end_noted()
  if notes_ends == nil then notes_ends = string.find(redis.call('GET', LAYOUT) or '', ' history=1', 1, true) ~= nil end
  return notes_ends
end
