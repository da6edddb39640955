"""What Redis does in one step with a chat, or with a key that is used once, in its Lua."""

from app.store.redis_script import script, scripts_in

# → chat, messages (if asked for), the last turn; nothing if there is no chat.
READ_CHAT = script(
    """
local chat = redis.call('HGETALL', KEYS[1] .. ':chat')
if #chat == 0 then return false end
local last = redis.call('LINDEX', KEYS[1] .. ':turns', -1)
local turn = last and redis.call('HGETALL', KEYS[1] .. ':turn:' .. last) or {}
local messages = {}
if ARGV[1] ~= '' then messages = redis.call('LRANGE', KEYS[1] .. ':messages', 0, -1) end
return {chat, messages, turn}
"""
)

RENAME = script(
    """
if redis.call('EXISTS', KEYS[1] .. ':chat') == 1 then
  redis.call('HSET', KEYS[1] .. ':chat', 'title', ARGV[1])
end
return 1
"""
)

# What channels begin with, and the time by which the chat has to have changed if nothing may run in
# it → when it was changed, the turns that went, the running turn; nothing if it stays.
DELETE = script(
    """
local base = KEYS[1]
local changed = redis.call('HGET', base .. ':chat', 'updated')
if not changed then return false end
local last = redis.call('LINDEX', base .. ':turns', -1)
local runs = last and redis.call('HGET', base .. ':turn:' .. last, 'state') == 'running'
if ARGV[2] ~= '' and (runs or tonumber(changed) > tonumber(ARGV[2])) then return false end
local gone, head = {}, {}
for _, turn in ipairs(redis.call('LRANGE', base .. ':turns', 0, -1)) do
  local key = base .. ':turn:' .. turn
  redis.call('DEL', base .. ':log:' .. turn)
  if runs and turn == last then
    local time = redis.call('TIME')
    redis.call('HSET', key, 'state', 'stopped', 'deleted', 1,
      'ended', time[1] .. '.' .. string.format('%06d', time[2]))
    redis.call('HSETNX', key, 'stop', 'deleted')
    redis.call('PUBLISH', ARGV[1] .. turn, 'over')
    head = redis.call('HGETALL', key)
  else
    redis.call('DEL', key)
    gone[#gone + 1] = turn
  end
end
redis.call('DEL', base .. ':chat', base .. ':messages', base .. ':turns')
return {changed, gone, head}
"""
)

# The log of a turn that has ended is not kept any more.
FORGET = script(
    """
local key = KEYS[1] .. ':turn:' .. ARGV[1]
if redis.call('HGET', key, 'state') == 'running' then return 0 end
redis.call('DEL', key, KEYS[1] .. ':log:' .. ARGV[1])
redis.call('LREM', KEYS[1] .. ':turns', 0, ARGV[1])
return 1
"""
)

# Who asks first, for so many ms, is the first also if he asks again.
ONCE = script(
    """
if redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) then return 1 end
return redis.call('GET', KEYS[1]) == ARGV[1] and 1 or 0
"""
)

BY_SHA = scripts_in(dict(globals()))
