"""`app.chats.shown`: a stored chat as a page gets it."""
