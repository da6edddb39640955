"""`app.chats.plan`: what a request asks of a stored chat."""
