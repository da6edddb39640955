"""`app.chats.whole_message`: the log of a turn that continues a message."""
