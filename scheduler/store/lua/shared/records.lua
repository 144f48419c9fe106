-- What scripts read and write of a record: its first line, `<created ms> <destination tag>` and words `name=value`.

-- The first line of a record: 2,048 bytes hold the longest key, ten of the longest tags, and as much that is not known yet.
local function first_line(record) return string.match(string.sub(record, 1, 2048), '^[^\n]+') or '' end

local function read_first_line(id) return first_line(redis.call('GETRANGE', record_key(id), 0, 2047)) end

-- The first line of a record if it says more than when and where to, as few do, or nil; `record` may lack its created_at.
local function named_line(record)
  if string.find(record, '^[^\n=]*=') then return first_line(record) end
end

-- What a line of words says under a name, or nil. It is looked for without a pattern, which would be tried at each character: most
-- names are not there.
local function word(line, name)
  local _, stop = string.find(line, ' ' .. name .. '=', 1, true)
  return stop and string.match(line, '^%S+', stop + 1)
end

-- The same of a number, as the text that it is.
local function number_word(line, name)
  local text = word(line, name)
  return text and string.match(text, '^%d+')
end

-- The destination tag of a record, or nil if it has none; and its first line if that says more, as few do.
local function traits(record)
  local tag, stop = string.match(record, '^%d+ (%S+)()')
  if tag and string.byte(record, stop) ~= 10 then return tag, first_line(record) end
  return tag
end

local function read_traits(id)
  local start = redis.call('GETRANGE', record_key(id), 0, 63)
  local tag, line = traits(start)
  if line then line = read_first_line(id) end
  return tag, line
end

-- The format that the reader of a record must know to send it rightly, as text, or nil for the first; and whether it is a later
-- one than the caller knows, who leaves such a timer to others: it is not sent, not ended and not changed.
local function format_of(line) return line and number_word(line, 'v') end
local function is_later(format) return format and tonumber(format) > FORMAT end
local function format_tag(format) return '!v' .. format end

-- The ms after which a timer is not sent any more, of its first line (nil: it says no more than most) and of the ms it is due;
-- nil: there is no such moment. Who knows nothing of it would send too late: such a line says its format.
local function expiry_of(line, due)
  if not format_of(line) then return nil end
  local lateness = number_word(line, 'max_lateness')
  return lateness and due + lateness or tonumber(number_word(line, 'expires'))
end

-- Whether a first line says a key, tags or a schedule; nil says none.
local function is_named(line)
  return line and (word(line, 'key') or word(line, 'tags') or word(line, 'schedule')) ~= nil or false
end

-- The key (or nil) and the tags that a first line says.
local function names_of(line)
  local tags = {}
  for tag in string.gmatch(word(line, 'tags') or '', '[^,]+') do push(tags, tag) end
  return word(line, 'key'), tags
end

-- Puts an unfinished timer where its key, its tags and its schedule are looked up.
local function note_names(id, line, due)
  local key, tags = names_of(line)
  if key then redis.call('HSET', BY_KEY, key, id) end
  for _, tag in ipairs(tags) do redis.call('ZADD', tag_key(tag), due, id) end
  local schedule = word(line, 'schedule')
  if schedule then
    redis.call('ZADD', ROOT .. 'runs:' .. schedule, due, id)
    redis.call('ZADD', ROOT .. 'open:' .. schedule, due, id)
  end
end

-- Frees the keys of timers that have ended, as far as they still have them.
local function free_keys(ids, keys)
  local had = {}
  for n, id in ipairs(redis.call('HMGET', BY_KEY, unpack(keys))) do
    if id == ids[n] then push(had, keys[n]) end
  end
  many('HDEL', BY_KEY, had)
end

-- Takes a timer out of where these tags are looked up.
local function forget_tags(id, tags)
  for _, tag in ipairs(tags) do redis.call('ZREM', tag_key(tag), id) end
end

-- Takes a timer out of where a schedule's runs are looked up.
local function forget_run(id, schedule)
  redis.call('ZREM', ROOT .. 'runs:' .. schedule, id)
  redis.call('ZREM', ROOT .. 'open:' .. schedule, id)
end

-- Takes a timer out of where its key, its tags and its schedule are looked up; returns the number of tags.
local function forget_names(id, line)
  local key, tags = names_of(line)
  if key then free_keys({ id }, { key }) end
  forget_tags(id, tags)
  local schedule = word(line, 'schedule')
  if schedule then forget_run(id, schedule) end
  return #tags
end

-- Puts a timer whose record changes from one first line to another, with the same key, where it is looked up from now on.
local function change_names(id, before, line, due)
  note_names(id, line, due)
  local stays, gone = {}, {}
  local _, tags = names_of(line)
  for _, tag in ipairs(tags) do stays[tag] = true end
  local _, tags_before = names_of(before)
  for _, tag in ipairs(tags_before) do
    if not stays[tag] then push(gone, tag) end
  end
  forget_tags(id, gone)
end

-- Stores a new timer; `record` is without its created_at, which is `now`; both moments as text.
local function create(id, record, now, due)
  redis.call('SET', record_key(id), now .. ' ' .. record)
  local line = named_line(record)
  if line then note_names(id, line, due) end
  redis.call('ZADD', SCHEDULED, due, id)
  if line and word(line, 'priority') then note_order(id, due) end
  count_minute('set', 1)
end

-- Drops what nobody needs of a cancelled timer: bodies, and headers where they are long. A record of at most 1 KiB stays whole;
-- of a larger one the first two lines, which then say ` cut=1`, or of a long second line its beginning, the URL and method.
local WHOLE, LINES = 1024, 2048
local function cut_record(id)
  if redis.call('STRLEN', record_key(id)) <= WHOLE then return end
  local line = read_first_line(id)
  if #line == 2048 then return end -- perhaps not the whole of it: the record stays as it is
  local rest = string.sub(redis.call('GETRANGE', record_key(id), 0, #line + LINES), #line + 2)
  local second = string.match(rest, '^([^\n]*)\n')
  if not second then
    rest = redis.call('GETRANGE', record_key(id), #line + 1, #line + 16384)
    local request = string.match(rest, '^{"url":"[^"\\]*"')
    second = request and request .. (string.match(rest, '^,"method":"%u+"', #request + 1) or '') .. '}'
    second = second or string.match(rest, '^[^\n]*')
  end
  redis.call('SET', record_key(id), line .. ' cut=1\n' .. second .. '\n')
end
