-- What the scripts of the store may use: Redis gives KEYS, ARGV and redis; store/scripts.py puts its constants, and what a script
-- uses of the files of lua/shared/, before it, so what stands at the top of those is known everywhere. What a script calls as
-- `rarely().name()` it uses by that name (store/script_parts.py).
std = 'lua51'
max_line_length = 140

local shared = { 'KEYS', 'ARGV', 'redis', 'rarely', 'FORMAT', 'SUSPECTS', 'SUSPECT_LOSSES', 'COUNTED', 'LAYOUT_BEGINS',
                 'LATENESS_BOUNDS', 'SLOW_SECONDS', 'PROBE_FIRST', 'PROBE_MOST', 'LEAST_BURST', 'LONGEST_RETRY' }
for _, part in ipairs({ 'keys', 'noted', 'pollers', 'minutes', 'layout', 'priority', 'records', 'failing', 'progress', 'holds',
                        'observed', 'places', 'callbacks', 'schedules', 'moves', 'runs', 'rules' }) do
  for line in io.lines('scheduler/store/lua/shared/' .. part .. '.lua') do
    table.insert(shared, string.match(line, '^local function ([%w_]+)'))
    for name in string.gmatch(string.match(line, '^local ([%a_, ]+) =') or '', '[%a_]+') do table.insert(shared, name) end
  end
end

files['scheduler/store/lua'] = { read_globals = shared }
for _, script in ipairs({ 'claim', 'settle' }) do
  local path, used = 'scheduler/store/lua/' .. script .. '.lua', {}
  for line in io.lines(path) do
    for name in string.gmatch(line, 'rarely%(%)%.([%w_]+)') do table.insert(used, '211/' .. name) end
  end
  files[path] = { read_globals = shared, ignore = used }
end
files['scheduler/store/lua/shared'] = { ignore = { '211' } } -- unused here, used by scripts
