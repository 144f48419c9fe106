#!lua flags=no-writes
-- Reads timers with all that they stand in, to write them elsewhere, until it has read 1 MiB.
-- KEYS[1] timers:{p}:scheduled (ZSET)
-- Computes waiting:<tag>, expiring, prior, prior:<tag>, delivering, delivered, failed, cancelled, unread, timer:<id>, progress,
--         attempts:<id>, keys, tag:<tag>, runs:<name>, open:<name>
-- ARGV    ids
-- Returns per timer WholeRow: id | record, or '' of one that is gone | progress, or '' | attempts: the JSON of each that stands in
--         the list | key: the one that it has, or '' | places: per sorted set 2: its key without what all keys of a partition begin
--         with | the score there; those that were not read are left out

local BYTES = 1048576

local STATUSES = { 'delivering', 'delivered', 'failed', 'cancelled' }

-- The keys of the sorted sets in which a timer with this first line may stand; of one without progress, as most have none, those
-- in which it may stand before its first claim: each look costs 1 us.
local function sets_of(line, has_progress)
  local sets, tags = { SCHEDULED }, { (string.match(line, '^%d+ (%S+)')) }
  if has_progress then
    push(sets, UNREAD)
    for _, status in ipairs(STATUSES) do push(sets, ROOT .. status) end
    push(tags, SUSPECTS)
  end
  if format_of(line) then
    push(sets, EXPIRING)
    push(tags, format_tag(format_of(line)))
  end
  for _, tag in ipairs(tags) do push(sets, waiting_key(tag)) end
  if word(line, 'priority') then
    push(sets, PRIOR)
    for _, tag in ipairs(tags) do push(sets, PRIOR .. ':' .. tag) end
  end
  local _, names = names_of(line)
  for _, tag in ipairs(names) do push(sets, tag_key(tag)) end
  local schedule = word(line, 'schedule')
  if schedule then push(sets, ROOT .. 'runs:' .. schedule, ROOT .. 'open:' .. schedule) end
  return sets
end

local reply, bytes = {}, 0
for _, id in ipairs(ARGV) do
  if bytes >= BYTES then break end
  local record = redis.call('GET', record_key(id)) or ''
  local line = first_line(record)
  local progress, attempts, places, named = '', {}, {}, nil
  if record ~= '' then
    progress = redis.call('HGET', PROGRESS, id) or ''
    if progress ~= '' then attempts = redis.call('LRANGE', attempts_key(id), 0, -1) end
    named = names_of(line)
    for _, set in ipairs(sets_of(line, progress ~= '')) do
      local score = redis.call('ZSCORE', set, id)
      if score then push(places, string.sub(set, #ROOT + 1), score) end
    end
  end
  push(reply, id, record)
  push(reply, progress, attempts)
  push(reply, named and redis.call('HGET', BY_KEY, named) == id and named or '', places)
  bytes = bytes + #record + #progress
  for _, attempt in ipairs(attempts) do bytes = bytes + #attempt end
end
return reply
