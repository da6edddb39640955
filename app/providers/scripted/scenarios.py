"""Chooses what the scripted model answers. No I/O."""

from app.providers.scripted.conversation import Conversation
from app.providers.scripted.script import Reply, Say, tokens


def reply_to(conversation: Conversation) -> Reply:
    """Return the reply to the user's last text."""
    text = f'You said: "{conversation.last_text}"'
    return Reply(blocks=[Say(tokens(text))])
