"""`app.chats.title`: titles of chats."""
