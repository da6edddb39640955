"""What Redis does in one step with its lists of turns, chats and owners, in its Lua."""

from app.store.redis_script import LATE_US, NOW, script, scripts_in

# A chat of an owner is going to change → the time of the change, later than every other. The list
# is changed first: a chat may be listed too high for a while, never too low or not at all.
ANNOUNCE = script(
    NOW
    + """
local last = redis.call('ZREVRANGE', KEYS[1], 0, 0, 'WITHSCORES')
if last[2] and tonumber(last[2]) >= now then now = tonumber(last[2]) + 1 end
local text = string.format('%.0f', now)
redis.call('ZADD', KEYS[1], text, ARGV[1])
return text
"""
)

# A listed change was not made → put the chat where it belongs: listed (ARGV[2]), really changed
# (ARGV[3], or nothing if there is no chat), whether whoever asks has announced it himself.
WITHDRAW = script(
    NOW
    + f"""
local listed = redis.call('ZSCORE', KEYS[1], ARGV[1])
if not listed or tonumber(listed) ~= tonumber(ARGV[2]) then return 0 end
if ARGV[4] == '' and now - tonumber(listed) < {2 * LATE_US} then return 0 end
if ARGV[3] == '' then redis.call('ZREM', KEYS[1], ARGV[1])
else redis.call('ZADD', KEYS[1], ARGV[3], ARGV[1]) end
return 1
"""
)

# An owner is going to have a chat → since when none of his chats changed, if he has none listed.
REMEMBER = script(
    NOW
    + """
redis.call('ZADD', KEYS[1] .. ':owners', 'NX', string.format('%.0f', now), ARGV[1])
return 1
"""
)

# A list of chats → when that changed which did not change for the longest time.
OLDEST = script(
    """
return redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')[2] or false
"""
)

# A turn is going to begin → nothing, or the chat that a turn of this id is in.
REGISTER = script(
    NOW
    + """
local held = redis.call('HGET', KEYS[1] .. ':turns', ARGV[1])
if held then return held end
redis.call('HSET', KEYS[1] .. ':turns', ARGV[1], ARGV[2])
redis.call('ZADD', KEYS[1] .. ':running', string.format('%.0f', now), ARGV[1])
return false
"""
)

# A turn has ended at ARGV[2].
REGISTER_END = script(
    """
if redis.call('HEXISTS', KEYS[1] .. ':turns', ARGV[1]) == 1 then
  redis.call('ZREM', KEYS[1] .. ':running', ARGV[1])
  redis.call('ZADD', KEYS[1] .. ':ended', ARGV[2], ARGV[1])
end
return 1
"""
)

# A turn is not kept → forget it. If ARGV[2] is nothing, only if it should have begun long ago.
UNREGISTER = script(
    NOW
    + f"""
if ARGV[2] == '' then
  local since = redis.call('ZSCORE', KEYS[1] .. ':running', ARGV[1])
  if not since or now - tonumber(since) < {2 * LATE_US} then return 0 end
end
redis.call('HDEL', KEYS[1] .. ':turns', ARGV[1])
redis.call('ZREM', KEYS[1] .. ':running', ARGV[1])
redis.call('ZREM', KEYS[1] .. ':ended', ARGV[1])
return 1
"""
)

BY_SHA = scripts_in(dict(globals()))
