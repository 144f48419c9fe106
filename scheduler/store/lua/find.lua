#!lua flags=no-writes
-- Looks up which unfinished timer has a key.
-- KEYS[1] timers:{p}:scheduled (ZSET)
-- Computes keys, waiting:<tag>, timer:<id>, delivering, delivered, failed, cancelled, progress
-- ARGV    key
-- Returns its id, or nil

return holder_of(ARGV[1], '') or false
