#!lua flags=allow-oom
-- Gives leave to send to one destination: as much as its rate, its slow start and its concurrency have; of one that is broken, now and
-- then, one probe in the whole system. Takes back what was not used, or has ended. Repeatable: the same permit is answered again.
-- KEYS[1] timers:destination:{<tag>} (HASH)
-- Computes permits, asked:<poller>
-- ARGV    poller | id of the permit | attempts wanted | ms of its lease | attempts of a rate that were not used
--         then each permit of a concurrency, or of a probe, that is given back
-- Returns '' | 'probe', by no timer that is sent at most once | 'anyprobe', by such a one if no other is due
--         | 'over': something has ended by itself, or nothing limits the destination
--         then attempts granted, each with a permit `<id>:<number>` from 1 | ms at which it is worth asking for more
--         | 1 if each is under a lease, which is to be renewed and given back, else 0

local poller, permit, wanted, lease, unused = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local FIRST = 6 -- where what is given back begins

local ASKED = KEYS[1] .. ':asked:' .. poller
local ASKED_TTL = 60000     -- ms in which a lost reply may be asked for again
local LATE = 75000          -- us by which whoever asks next may be late without a loss for the rate
local ASK_AGAIN = 1000      -- ms after which it is worth asking again where permits are out: a poller that has one may have died
local EXPIRED = 1000        -- permits whose lease has ended that one call takes back
local LONGEST_LEASE = 1200000 -- ms: what is to last longer was written by a clock that has been set back since

local last = redis.call('GET', ASKED)
if last and string.match(last, '^%S+') == permit then
  local kind, granted, ask_at, leased = string.match(last, ' (%a*) (%d+) (%d+) (%d)$')
  return { kind, tonumber(granted), tonumber(ask_at), tonumber(leased) }
end

local us = now_us()
local now = math.floor(us / 1000)
local names = { 'interval', 'burst', 'tat', 'concurrency', 'paused', 'paused_until', 'broken', 'probes', 'probe_at', 'probe',
                'retry_until', 'slow_since' }
local it = {}
for n, value in ipairs(redis.call('HMGET', KEYS[1], unpack(names))) do
  it[names[n]] = names[n] == 'probe' and value or tonumber(value or '')
end
local written = {}

local function take_back()
  local back = {}
  for at = FIRST, #ARGV do
    push(back, ARGV[at])
    if it.probe and ARGV[at] == it.probe .. ':1' then -- there was no timer for it
      it.probe, it.probe_at, it.probes = nil, now + ASK_AGAIN, math.max(0, it.probes - 1)
      redis.call('HDEL', KEYS[1], 'probe', 'probe_until')
      push(written, 'probe_at', int(it.probe_at))
      push(written, 'probes', it.probes)
    end
  end
  for _, expired in ipairs(redis.call('ZRANGEBYSCORE', PERMITS, '-inf', int(now), 'LIMIT', 0, EXPIRED)) do push(back, expired) end
  for _, odd in ipairs(redis.call('ZRANGEBYSCORE', PERMITS, int(now + LONGEST_LEASE), '+inf', 'LIMIT', 0, EXPIRED)) do push(back, odd) end
  many('ZREM', PERMITS, back)
end

-- us between two attempts, the slower of its rate and its slow start, and how many may go at once; or nothing. And whether the slow
-- start is over.
local function pace()
  local interval, burst = it.interval, it.burst or 1
  if it.slow_since then
    local seconds = math.floor((now - it.slow_since) / 1000)
    if seconds < -1 or seconds >= SLOW_SECONDS then return interval, burst, true end
    local slow = 1000000 / 2 ^ math.max(0, seconds)
    if slow > (interval or 0) then interval, burst = slow, math.max(1, math.ceil(LEAST_BURST / slow)) end
  end
  return interval, burst, false
end

-- Turns of its rate that were not used, also while nothing may be sent.
local function take_back_turns(interval)
  if unused == 0 or not (interval and it.tat) then return end
  it.tat = it.tat - unused * interval
  push(written, 'tat', int(it.tat))
end

local function probe()
  local is_odd = it.probe_at > now + LONGEST_LEASE
  if wanted < 1 or (now < it.probe_at and not is_odd) then return '', 0, it.probe_at, 0 end
  local probes = (it.probes or 0) + 1
  local ask_at = now + math.max(lease, math.min(PROBE_MOST, PROBE_FIRST * 2 ^ probes))
  push(written, 'probe', permit)
  push(written, 'probe_until', int(now + lease))
  push(written, 'probes', probes)
  push(written, 'probe_at', int(ask_at))
  local is_old = math.abs(now - it.broken) >= PROBE_MOST -- of a moment to come, a wrong clock said so
  return is_old and 'anyprobe' or 'probe', 1, ask_at, 1
end

-- Takes from the rate and the concurrency as much as both have.
local function take(interval, burst)
  local granted, ask_at = wanted, now
  if it.concurrency then
    local free = it.concurrency - redis.call('ZCARD', PERMITS)
    if free < granted then granted, ask_at = math.max(0, free), now + ASK_AGAIN end
  end
  if interval then
    local tat = it.tat or 0
    if tat < us - LATE or tat > us + (burst + 1) * interval then tat = us end
    granted = math.max(0, math.min(granted, math.floor((us + burst * interval - tat) / interval)))
    tat = tat + granted * interval
    push(written, 'tat', int(tat))
    ask_at = math.max(ask_at, math.ceil((tat - (burst - 1) * interval) / 1000))
  end
  if it.concurrency then
    local leases = {}
    for number = 1, granted do push(leases, int(now + lease), permit .. ':' .. number) end
    many('ZADD', PERMITS, leases)
  end
  return '', granted, ask_at, it.concurrency and 1 or 0
end

local function decide()
  local interval, burst, slow_is_over = pace()
  take_back_turns(interval)
  if it.paused then
    if it.paused_until and it.paused_until <= now then return 'over', 0, now, 0 end
    return '', 0, it.paused_until or LAST_MOMENT, 0
  end
  if it.broken then return probe() end
  local retry_is_over = it.retry_until and (it.retry_until <= now or it.retry_until > now + LONGEST_RETRY)
  if slow_is_over or retry_is_over then return 'over', 0, now, 0 end
  if it.retry_until then return '', 0, it.retry_until, 0 end
  if not (interval or it.concurrency) then return 'over', 0, now, 0 end
  return take(interval, burst)
end

take_back()
local kind, granted, ask_at, leased = decide()
many('HSET', KEYS[1], written)
redis.call('SET', ASKED, permit .. ' ' .. kind .. ' ' .. granted .. ' ' .. int(ask_at) .. ' ' .. leased, 'PX', ASKED_TTL)
return { kind, granted, ask_at, leased }
