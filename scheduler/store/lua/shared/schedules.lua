-- Schedules, and what becomes of their runs. timers:{p}:schedule:<name> has, each as text, and what is nought or not so is left out:
--   plan, timer  JSON of when and how, which Python reads; the record of a run without its created_at and its schedule
--   size         bytes of `timer`
--   version, revision
--                of what was asked for; of that and of pauses: a write compares it
--   created      ms
--   offset       ms from a moment to when its run is due
--   after        ms: the last moment that was decided
--   runs, fired  runs made of moments, and by hand
--   unread       looks in a row by versions that could not read it
--   missed       moments that were missed, and that no run has told of yet
--   skipped_overlap, skipped_missed, skipped_paused, skipped_gap
--                moments that became no run, by why
--   pause_after, failed
--                runs that failed in a row and pause it; and how many did
--   paused, paused_until, paused_by, paused_reason
--                ms since when, ms until when; who said so, and why
--   paused_after, paused_skipped
--                `after` and `skipped_paused` as they were when it was paused
--   resumed, resumed_how
--                ms at which a pause ended; what is to become of moments during it, if they are not to be skipped
--   ended        ms at which it was seen that it has no more runs
--   previous     its latest runs, earliest first, each `<due ms>:<id>` and once it has ended `:<status>`; between blanks

local PLANNED, PLANNING = ROOT .. 'planned', ROOT .. 'planning'

local function schedule_key(name) return ROOT .. 'schedule:' .. name end

-- Appends to a reply a ScheduleRow, what is told of a schedule, if there is one. Returns the bytes of its `plan` and `timer`.
local function tell_schedule(reply, name)
  local fields = redis.call('HMGET', schedule_key(name), 'plan', 'timer', 'version', 'revision', 'created', 'after', 'runs', 'fired',
                            'skipped_overlap', 'skipped_missed', 'skipped_paused', 'skipped_gap', 'paused', 'paused_until', 'paused_by',
                            'paused_reason', 'paused_after', 'ended', 'previous')
  if not fields[1] then return 0 end
  local told = {}
  for due, id, status in string.gmatch(fields[19] or '', '(%d+):(%w+):?(%a*)') do
    push(told, due .. ':' .. id .. ':' .. (standing(id) or status))
  end
  push(reply, name)
  for n = 1, 18 do push(reply, fields[n]) end
  push(reply, table.concat(told, ' '))
  return #fields[1] + #fields[2]
end

-- Notes how a run has ended. So many that failed in a row pause their schedule: the next look takes back what was made ahead.
-- It asks for nothing above, which scripts that end timers would have to make for each call.
local function note_run_end(name, id, status)
  redis.call('ZREM', ROOT .. 'open:' .. name, id)
  local key = ROOT .. 'schedule:' .. name
  local previous, failed, most, paused, ended = unpack(redis.call('HMGET', key, 'previous', 'failed', 'pause_after', 'paused', 'ended'))
  if not previous or string.find(previous, ':' .. id .. ':' .. status, 1, true) then return end -- deleted, or told already
  local fields = { 'previous', (string.gsub(previous, ':' .. id .. '%S*', ':' .. id .. ':' .. status)) }
  if status == 'delivered' or status == 'failed' then
    failed = status == 'failed' and (tonumber(failed) or 0) + 1 or 0
    push(fields, 'failed', failed)
    if tonumber(most) and failed >= tonumber(most) and not (paused or ended) then
      local now = int(math.floor(now_us() / 1000))
      push(fields, 'paused', now)
      push(fields, 'paused_by', 'pause_after_failures')
      push(fields, 'paused_reason', failed == 1 and 'a run failed' or int(failed) .. ' runs in a row failed')
      push(fields, 'revision', 'failed:' .. id)
      redis.call('HDEL', ROOT .. 'planning', name)
      redis.call('ZADD', ROOT .. 'planned', now, name)
    end
  end
  redis.call('HSET', key, unpack(fields))
end
