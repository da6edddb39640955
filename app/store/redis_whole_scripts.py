"""How a turn begins and ends in one step, where all that is kept is on one server.

They are made of the very scripts that are run one by one where the lists are on other servers
than the chat (`app.store.redis_listing`). Whoever dies leaves nothing half done.
"""

from app.store.redis_chat_scripts import READ_CHAT
from app.store.redis_list_scripts import ANNOUNCE, REGISTER, REGISTER_END, REMEMBER, WITHDRAW
from app.store.redis_script import function, script
from app.store.redis_turn_scripts import BEGIN, END, ENDED

# A chat is listed as changed, and has not changed at that time → list it where it was.
_AS_IT_IS = (
    function("withdraw", WITHDRAW)
    + """
local function as_it_is(base, chats, chat, listed)
  local changed = redis.call('HGET', base .. ':chat', 'updated') or ''
  if changed ~= listed then withdraw({chats}, {chat, listed, changed, 1}) end
end
"""
)

# Keys: a chat, its owner's list, the parts of the lists that turn and owner are in. Chat, owner,
# where the turn is, then what `BEGIN` is told; the time of the change (ARGV[6]) is found out here.
# → as `BEGIN`.
BEGIN_WHOLE = script(
    function("announce", ANNOUNCE)
    + function("register", REGISTER)
    + function("remember", REMEMBER)
    + function("begin", BEGIN)
    + _AS_IT_IS
    + """
local told = {}
for n = 4, #ARGV do told[n - 3] = ARGV[n] end
local turn = told[1]
local listed = redis.call('HGET', KEYS[3] .. ':turns', turn)
if listed and listed ~= ARGV[3] then return {'taken'} end
told[3] = announce({KEYS[2]}, {ARGV[1]})
register({KEYS[3]}, {turn, ARGV[3]})
remember({KEYS[4]}, {ARGV[2]})
local found = begin({KEYS[1]}, told)
as_it_is(KEYS[1], KEYS[2], ARGV[1], told[3])
if found[1] ~= 'begun' and not listed then
  redis.call('HDEL', KEYS[3] .. ':turns', turn)
  redis.call('ZREM', KEYS[3] .. ':running', turn)
end
return found
"""
)

# The same for a chat that there may be by now → as `BEGIN`, or "chat" and what `READ_CHAT` brings.
# Who asks twice finds the chat that he has made, and that his turn has begun in it.
BEGIN_NEW = script(
    function("read_chat", READ_CHAT)
    + """
local chat = read_chat({KEYS[1]}, {1})
if chat and redis.call('LINDEX', KEYS[1] .. ':turns', -1) ~= ARGV[4] then return {'chat', chat} end
"""
    + BEGIN_WHOLE.text.decode()
)

# Keys: a chat, its owner's list, the part of the lists that the turn is in. Chat, then what `END`
# is told; the time of the change (ARGV[10]) is found out here. → as `END`.
END_WHOLE = script(
    function("announce", ANNOUNCE)
    + function("finish", END)
    + function("register_end", REGISTER_END)
    + _AS_IT_IS
    + f"""
local told = {{}}
for n = 2, #ARGV do told[n - 1] = ARGV[n] end
if told[8] ~= '' then told[9] = announce({{KEYS[2]}}, {{ARGV[1]}}) end
local found = finish({{KEYS[1]}}, told)
if told[8] ~= '' then as_it_is(KEYS[1], KEYS[2], ARGV[1], told[9]) end
if found == {ENDED} then register_end({{KEYS[3]}}, {{told[1], told[6]}}) end
return found
"""
)

BY_SHA = {found.sha: found for found in (BEGIN_WHOLE, BEGIN_NEW, END_WHOLE)}
