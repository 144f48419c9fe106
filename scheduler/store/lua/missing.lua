#!lua flags=no-writes
-- Tells which timers a partition does not have.
-- KEYS[1] timers:{p}:scheduled (ZSET)
-- Computes timer:<id>
-- ARGV    ids
-- Returns the ids of those that have no record here

local missing = {}
for _, id in ipairs(ARGV) do
  if redis.call('EXISTS', record_key(id)) == 0 then push(missing, id) end
end
return missing
