"""An app of one's own: our chat, with a tool, a route and a way to find out who asks.

``CHAT_APP=my_app:create`` lets every server and image make it.
"""

import os
from typing import Annotated

from fastapi import Depends, FastAPI, HTTPException

from app.main import create_app
from my_app.keys import Keys
from my_app.tools import find_order, order_of


def create() -> FastAPI:
    """Return the app. Called once a process; settings are read by `create_app` itself."""
    # Not the keys themselves but their SHA-256, so that whoever reads the settings has no key.
    keys = Keys(os.environ.get("MY_APP_KEYS", ""))
    app = create_app(tools=[find_order], authenticate=keys.owner)

    @app.get("/orders/{number}")
    async def order(number: int, owner: Annotated[str, Depends(keys.owner)]) -> dict[str, str]:
        """Return an order of the user: a route of one's own beside the chat."""
        found = order_of(owner, number)
        if found is None:
            raise HTTPException(404, "You have no such order.")
        return found

    return app
