"""What Redis does in one step with a turn and its chat, in its Lua."""

from app.store.redis_script import LATE_US, NOW, script, scripts_in

# turn, who asks, time of the change, revision, keep, title, first batch, how many messages, the
# messages, the fields of the head → what `begin` found. Who asks twice finds that it has begun.
BEGIN = script(
    NOW
    + f"""
local base = KEYS[1]
local key = base .. ':turn:' .. ARGV[1]
local last = redis.call('LINDEX', base .. ':turns', -1)
if last then
  local running = redis.call('HGETALL', base .. ':turn:' .. last)
  local found = {{}}
  for n = 1, #running, 2 do found[running[n]] = running[n + 1] end
  if found.state == 'running' then
    if last == ARGV[1] and found.by == ARGV[2] then return {{'begun'}} end
    return {{'busy', running}}
  end
end
local changed = redis.call('HGET', base .. ':chat', 'updated') or '0'
if changed ~= ARGV[4] then return {{'changed', changed}} end
if redis.call('EXISTS', key) == 1 then return {{'taken'}} end
if now - tonumber(ARGV[3]) > {LATE_US} or tonumber(ARGV[3]) <= tonumber(changed) then
  return {{'late'}}
end
local count = tonumber(ARGV[8])
local head = {{}}
for n = 9 + count, #ARGV do head[#head + 1] = ARGV[n] end
redis.call('HSET', key, 'by', ARGV[2], 'held', ARGV[7] == '' and 0 or 1, unpack(head))
redis.call('HSET', base .. ':chat', 'updated', ARGV[3], 'running', ARGV[1])
if changed == '0' then
  local owner, chat = redis.call('HMGET', key, 'owner', 'chat'), nil
  redis.call('HSET', base .. ':chat', 'owner', owner[1], 'id', owner[2],
    'title', ARGV[6], 'created', ARGV[3])
end
if ARGV[5] == '0' then redis.call('DEL', base .. ':messages')
else redis.call('LTRIM', base .. ':messages', 0, tonumber(ARGV[5]) - 1) end
for n = 9, 8 + count do redis.call('RPUSH', base .. ':messages', ARGV[n]) end
redis.call('RPUSH', base .. ':turns', ARGV[1])
if ARGV[7] ~= '' then redis.call('XADD', base .. ':log:' .. ARGV[1], '1-0', 'e', ARGV[7]) end
return {{'begun'}}
"""
)

# Keys: a turn and its log. Channel, whether it beats, number of the first batch, the batches →
# 0, 1 (over, unknown or a gap) or why the turn is to end.
APPEND = script(
    """
local turn = redis.call('HMGET', KEYS[1], 'state', 'held', 'stop', 'watched')
if turn[1] ~= 'running' then return 1 end
local held, seq = tonumber(turn[2]), tonumber(ARGV[3])
if #ARGV > 3 and seq > held + 1 then return 1 end
local more = false
for n = 4, #ARGV do
  if seq > held then
    redis.call('XADD', KEYS[2], seq .. '-0', 'e', ARGV[n])
    more = seq
  end
  seq = seq + 1
end
if more then
  redis.call('HSET', KEYS[1], 'held', more)
  if turn[4] then redis.call('PUBLISH', ARGV[1], more) end
end
if ARGV[2] ~= '' then redis.call('HINCRBY', KEYS[1], 'beat', 1) end
return turn[3] or 0
"""
)

# turn, channel, state, number of the last batch, the batch, time of the end, beat, mark and JSON of
# the message, time of the change, how long Redis keeps the log (ms) →
# one of the numbers below.
NOT_ENDED, ENDED, HAD_ENDED, LATE = range(4)
END = script(
    NOW
    + f"""
local base = KEYS[1]
local key, log = base .. ':turn:' .. ARGV[1], base .. ':log:' .. ARGV[1]
local turn = redis.call('HMGET', key, 'state', 'held', 'beat', 'ending', 'deleted', 'watched')
if not turn[1] then return 0 end
if turn[1] ~= 'running' then
  if turn[5] or turn[1] ~= ARGV[3] or turn[4] ~= ARGV[4] then return 0 end
  if ARGV[4] == '' then return 2 end
  local found = redis.call('XRANGE', log, ARGV[4] .. '-0', ARGV[4] .. '-0')
  if found[1] and found[1][2][2] == ARGV[5] then return 2 end
  return 0
end
if ARGV[7] ~= '' and ARGV[7] ~= turn[3] then return 0 end
if ARGV[4] ~= '' and tonumber(ARGV[4]) ~= tonumber(turn[2]) + 1 then return 0 end
if ARGV[8] ~= '' then
  local changed = redis.call('HGET', base .. ':chat', 'updated') or '0'
  if now - tonumber(ARGV[9]) > {LATE_US} or tonumber(ARGV[9]) <= tonumber(changed) then
    return 3
  end
  local messages, mark = base .. ':messages', string.sub(ARGV[8], 1, 22)
  local last = redis.call('LINDEX', messages, -1)
  if last and mark ~= '......................' and string.sub(last, 1, 22) == mark then
    redis.call('LSET', messages, -1, ARGV[8])
  else redis.call('RPUSH', messages, ARGV[8]) end
  redis.call('HSET', base .. ':chat', 'updated', ARGV[9])
end
if ARGV[4] ~= '' then redis.call('XADD', log, ARGV[4] .. '-0', 'e', ARGV[5]) end
redis.call('HSET', key, 'state', ARGV[3], 'ended', ARGV[6], 'ending', ARGV[4])
redis.call('HDEL', base .. ':chat', 'running')
if ARGV[4] ~= '' then redis.call('HSET', key, 'held', ARGV[4]) end
redis.call('PEXPIRE', key, ARGV[10])
redis.call('PEXPIRE', log, ARGV[10])
if turn[6] then redis.call('PUBLISH', ARGV[2], 'over') end
return 1
"""
)

# A turn → its head.
HEAD = script("return redis.call('HGETALL', KEYS[1])")

# Keys: a turn and its log. From which batch, how many bytes → head, batches.
FETCH = script(
    """
local head = redis.call('HGETALL', KEYS[1])
if #head == 0 then return false end
local found, size, after = {}, 0, ARGV[1] .. '-0'
while size < tonumber(ARGV[2]) do
  local part = redis.call('XRANGE', KEYS[2], after, '+', 'COUNT', 64)
  for _, entry in ipairs(part) do
    found[#found + 1] = entry[1]
    found[#found + 1] = entry[2][2]
    size = size + #entry[2][2]
  end
  if #part < 64 then break end
  after = '(' .. part[#part][1]
end
return {head, found}
"""
)

# Somebody follows a turn from now on → its state, and how many batches it has.
WATCH = script(
    """
local turn = redis.call('HMGET', KEYS[1], 'state', 'held')
if turn[1] == 'running' then redis.call('HSETNX', KEYS[1], 'watched', 1) end
return turn
"""
)

ASK_TO_STOP = script(
    """
if redis.call('HGET', KEYS[1], 'state') == 'running' then
  redis.call('HSETNX', KEYS[1], 'stop', ARGV[1])
end
return 1
"""
)

BY_SHA = scripts_in(dict(globals()))
