"""The names under which the Redis engine keeps things, and texts as it keeps them.

Whatever changes in one step is in one hash slot, which the part of the name in braces decides:

========================== ========== =====================================================
``deltaline:{C}:chat``     hash       a chat without its messages; C is made of owner and chat
``deltaline:{C}:messages`` list       its messages: `mark` of the id, then JSON
``deltaline:{C}:turns``    list       its turns whose logs are kept, the last one last
``deltaline:{C}:turn:T``   hash       the head of turn T, how many batches it has, its ending
``deltaline:{C}:log:T``    stream     its batches; the number of a batch is the entry's id
``deltaline:{O}:chats``    sorted set an owner's chats by the time of their last change
``deltaline:{N}:turns``    hash       turn → C, in `SHARDS` parts, as all that follows
``deltaline:{N}:running``  sorted set the turns that run, by the time of their beginning
``deltaline:{N}:ended``    sorted set those that have ended, by that time
``deltaline:{N}:owners``   sorted set owners, by a time before which none of their chats changed
``deltaline:once:K``       string     a key that was used
``deltaline:uses:P``       hash       what payer P has used, and what of his runs
========================== ========== =====================================================

Times are microseconds since 1970 by Redis's clock, but for those of ends, which are told. Owners,
chats, keys and payers are hashed where they would be part of a name: they may be of any length and
hold braces, and who sees names in a monitor need not see who they are. Followers of turn T listen
on the channel ``deltaline:turn:T``.
"""

from base64 import urlsafe_b64encode
from collections.abc import Sequence
from hashlib import blake2b

import msgspec

from app.store.store import ChatId, Owner, TurnId

# Enough that no single name is asked by all, few enough to be asked one after the other by `sweep`.
# The number is part of the layout: with another one, turns are not found again.
SHARDS = 16
# Of `mark`, in bytes.
MARK_BYTES = 22
_BEHIND_BRACE = slice(11, 11 + MARK_BYTES)


def text_bytes(text: str) -> bytes:
    """Return ``text`` as it is kept. Lone surrogates are kept too."""
    return text.encode("utf-8", "surrogatepass")


def kept_text(data: bytes) -> str:
    """Return the text of which `text_bytes` has made ``data``."""
    return data.decode("utf-8", "surrogatepass")


def mark(*texts: str) -> bytes:
    """Return 22 letters that stand for ``texts``, and for no others."""
    digest = blake2b(digest_size=16)
    for text in texts:
        data = text_bytes(text)
        digest.update(len(data).to_bytes(8, "big"))
        digest.update(data)
    return urlsafe_b64encode(digest.digest())[:MARK_BYTES]


class Place(msgspec.Struct, frozen=True):
    """Where a turn's chat is.

    Attributes:
        chat: what the names of the chat's keys begin with.
        chats: the name of the list of the owner's chats.
        chat_id: what the chat is called in that list.
    """

    chat: bytes
    chats: bytes
    chat_id: bytes

    def written(self) -> bytes:
        """Return what the list of turns says of a turn."""
        return self.chat[_BEHIND_BRACE] + self.chats[_BEHIND_BRACE] + self.chat_id

    def turn(self, turn: TurnId) -> tuple[bytes, bytes]:
        """Return the names of a turn's hash and of its log."""
        data = text_bytes(turn)
        return b"%b:turn:%b" % (self.chat, data), b"%b:log:%b" % (self.chat, data)


def place_of(owner: Owner, chat: ChatId) -> Place:
    """Return where a chat is."""
    return Place(
        b"deltaline:{%b}" % mark(owner, chat),
        b"deltaline:{%b}:chats" % mark(owner),
        text_bytes(chat),
    )


def written_place(data: bytes) -> Place:
    """Return the place of which `Place.written` has made ``data``."""
    return Place(
        b"deltaline:{%b}" % data[:MARK_BYTES],
        b"deltaline:{%b}:chats" % data[MARK_BYTES : 2 * MARK_BYTES],
        data[2 * MARK_BYTES :],
    )


def shard_keys() -> Sequence[bytes]:
    """Return what the names of each part of the lists of turns and owners begin with."""
    return [b"deltaline:{%d}" % number for number in range(SHARDS)]


def shard_key(text: str) -> bytes:
    """Return what the names of the part begin with that a turn or an owner is in."""
    first = blake2b(text_bytes(text), digest_size=1).digest()[0]
    return b"deltaline:{%d}" % (first % SHARDS)


def once_key(key: str) -> bytes:
    return b"deltaline:once:%b" % mark(key)


def uses_key(payer: str) -> bytes:
    return b"deltaline:uses:%b" % mark(payer)


def channel(turn: TurnId) -> bytes:
    return b"deltaline:turn:%b" % text_bytes(turn)
