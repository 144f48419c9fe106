#!lua flags=allow-oom
-- Lays out a partition that is empty; one that is not stays as it is. Repeatable.
-- KEYS[1] timers:{p}:scheduled (ZSET)
-- Computes layout, waiting, delivering, delivered, failed, cancelled, progress, marker: whether anything stands there
-- ARGV    none
-- Returns its layout, as layout.py reads it; `format=0 ` for a partition of a version before 0.2.0

return redis.call('GET', LAYOUT) or lay_out()
