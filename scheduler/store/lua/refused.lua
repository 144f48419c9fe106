#!lua flags=allow-oom
-- Lets go of an idempotency key whose request was refused, unless a repeat of it has been answered meanwhile. Repeatable.
-- Not at once: a repeat that is under way makes the ids of the same seed.
-- KEYS[1] timers:{p}:scheduled in every other script; here timers:{p}:idem:<digest> (STRING)
-- Computes none
-- ARGV    what stands there for the refused request | ms until it is gone
-- Returns 1, or 0 if something else stands there

if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
