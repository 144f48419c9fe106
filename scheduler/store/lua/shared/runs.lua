-- Runs of schedules that are made, and taken back.

local PREVIOUS = 10 -- runs that are due and told of

-- A schedule's record of a run in two parts, between which the schedule's name goes.
local function split_record(timer) return string.match(timer, '^([^\n]*)(.*)$') end

-- Whether a run stands already, of a call that was broken off or repeated; what stands nowhere is half of one, and made anew.
local function is_made(id) return redis.call('EXISTS', record_key(id)) == 1 and standing(id) ~= nil end

-- Stores a new run. `missed` is a count.
local function create_run(name, first, rest, id, now, due, missed)
  local line = first .. ' schedule=' .. name
  if missed > 0 then line = line .. ' missed=' .. int(missed) end
  create(id, line .. rest, now, due)
end

-- `previous` less the runs that are due, but for the last ten.
local function cut_previous(previous, now)
  local entries, due = {}, 0
  for entry in string.gmatch(previous, '%S+') do
    push(entries, entry)
    if tonumber(string.match(entry, '^%d+')) <= now then due = due + 1 end
  end
  return table.concat(entries, ' ', math.max(1, due - PREVIOUS + 1))
end

-- Takes back the runs that were made ahead, are not due, and have not been touched, as if they had never been made.
-- Returns `previous` without them, how many they were, when the first of them was due, the last that is not due and stays, and how
-- many missed moments they were to tell of.
local function withdraw_ahead(previous, now)
  local kept, gone, first, last, missed = {}, 0, nil, nil, 0
  for entry in string.gmatch(previous, '%S+') do
    local due, id = string.match(entry, '^(%d+):(%w+)')
    local is_ahead = tonumber(due) > now
    if is_ahead and redis.call('ZSCORE', SCHEDULED, id) and not redis.call('HGET', PROGRESS, id) then
      local line = read_first_line(id)
      forget_names(id, line)
      if word(line, 'priority') then leave(PRIOR, id) end
      erase(SCHEDULED, id)
      gone = gone + 1
      first = math.min(first or math.huge, tonumber(due))
      missed = missed + (tonumber(word(line, 'missed')) or 0)
    else
      push(kept, entry)
      if is_ahead then last = math.max(last or 0, tonumber(due)) end
    end
  end
  return table.concat(kept, ' '), gone, first, last, missed
end
