"""What Redis does in one step with what a payer has used, in its Lua.

The hash has a field ``w:NAME`` for each window, of the uses and of when it ends, and a field
``l:HOLDER`` for each lease, of its token, of when it ends and of how long it lasts. Times are
milliseconds by Redis's clock. The rules are those of `app.store.use_record`.
"""

from app.store.redis_script import script, scripts_in

# `leases` are those that have not ended, and `last` is when all is over that was touched.
_LOAD = """
local key = KEYS[1]
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local fields, leases, running = {}, {}, 0
local flat = redis.call('HGETALL', key)
for n = 1, #flat, 2 do
  local name, value = flat[n], flat[n + 1]
  fields[name] = value
  if string.sub(name, 1, 2) == 'l:' then
    local token, ends, ttl = string.match(value, '^(%S+) (%d+) (%d+)$')
    ends, ttl = tonumber(ends), tonumber(ttl)
    if ends > now and ends <= now + 2 * ttl then
      leases[name] = token
      running = running + 1
    else
      redis.call('HDEL', key, name)
    end
  end
end
local function window(name, length, by_clock)
  local used, ends = string.match(fields['w:' .. name] or '0 0', '^(%d+) (%d+)$')
  used, ends = tonumber(used), tonumber(ends)
  if ends > now and ends <= now + 2 * length then return used, ends end
  if by_clock == '1' then return 0, (math.floor(now / length) + 1) * length end
  return 0, now + length
end
local last = 0
local function count(name, used, ends)
  redis.call('HSET', key, 'w:' .. name, string.format('%.0f %.0f', used, ends))
  last = math.max(last, ends)
end
local function hold(holder, token, ttl)
  redis.call('HSET', key, 'l:' .. holder, string.format('%s %.0f %.0f', token, now + ttl, ttl))
  last = math.max(last, now + ttl)
end
local function keep()
  if last > now then
    redis.call('PEXPIRE', key, math.max(last - now, redis.call('PTTL', key)))
  end
end
"""

# A lease: holder (or nothing), token, ms, how many there may be (or nothing); then for each window
# its name, ms, limit (or nothing), amount, whether it is by the clock → whether all was taken, how
# many leases there are, and for each window its uses and the ms until it ends.
TAKE = script(
    _LOAD
    + """
local holder, most = ARGV[1], tonumber(ARGV[4])
local others = running - (leases['l:' .. holder] and 1 or 0)
local admitted = holder == '' or not most or others < most
local uses, ends = {}, {}
for n = 5, #ARGV, 5 do
  uses[n], ends[n] = window(ARGV[n], tonumber(ARGV[n + 1]), ARGV[n + 4])
  local limit = tonumber(ARGV[n + 2])
  if limit and uses[n] >= limit then admitted = false end
end
if admitted and holder ~= '' then
  hold(holder, ARGV[2], tonumber(ARGV[3]))
  running = others + 1
end
local found = {admitted and 1 or 0, running}
for n = 5, #ARGV, 5 do
  local amount = tonumber(ARGV[n + 3])
  if admitted and amount ~= 0 then
    uses[n] = uses[n] + amount
    count(ARGV[n], uses[n], ends[n])
  end
  found[#found + 1] = uses[n]
  found[#found + 1] = math.min(ends[n] - now, tonumber(ARGV[n + 1]))
end
keep()
return found
"""
)

# Holder, token and ms of each lease.
RENEW = script(
    _LOAD
    + """
for n = 1, #ARGV, 3 do
  local token = leases['l:' .. ARGV[n]]
  if not token or token == ARGV[n + 1] then
    hold(ARGV[n], ARGV[n + 1], tonumber(ARGV[n + 2]))
  end
end
keep()
return 1
"""
)

# Holder (or nothing) and token of a lease, then windows as above.
GIVE_BACK = script(
    _LOAD
    + """
if leases['l:' .. ARGV[1]] == ARGV[2] then redis.call('HDEL', key, 'l:' .. ARGV[1]) end
for n = 3, #ARGV, 5 do
  local used, ends = window(ARGV[n], tonumber(ARGV[n + 1]), ARGV[n + 4])
  local amount = tonumber(ARGV[n + 3])
  if amount ~= 0 then count(ARGV[n], math.max(0, used + amount), ends) end
end
keep()
return 1
"""
)

BY_SHA = scripts_in(dict(globals()))
