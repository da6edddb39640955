"""Every script that a Redis may have to be told of again, by the name under which it keeps it."""

from collections.abc import Mapping

from app.store import (
    redis_chat_scripts,
    redis_limit_scripts,
    redis_list_scripts,
    redis_turn_scripts,
    redis_whole_scripts,
)
from app.store.redis_script import Script

EVERY_SCRIPT: Mapping[bytes, Script] = {
    **redis_turn_scripts.BY_SHA,
    **redis_chat_scripts.BY_SHA,
    **redis_list_scripts.BY_SHA,
    **redis_limit_scripts.BY_SHA,
    **redis_whole_scripts.BY_SHA,
}
